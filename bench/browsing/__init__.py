"""How long a page and an answer take when there are a million tasks, on both databases: bench/pages."""
