"""The commands `tasks`, `deadletters` and `queues`: the verbs and lists of the admin, for a shell.

Each verb is a function of a `Call` that asks a service or a read and prints the API's shapes, as tables or as JSON.
"""
