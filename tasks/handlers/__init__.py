"""The built-in types of task. Importing this package registers them."""
