"""Everything that touches Polars.

Import it only inside a function, when a task runs or an expression is checked. Polars starts threads, and a process
that forks after it has run a query leaves its children with locks that nobody will open; it also costs 0.1 to 0.2 s and
26 MiB in each process that needs none of it.
"""
