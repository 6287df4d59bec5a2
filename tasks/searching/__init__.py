"""The search grammar and what it finds: one meaning for the admin, the API, the commands and bulk actions.

`grammar` reads a text into terms, `vocabulary` says which words there are, `selection` makes rows of both.
"""

from tasks.searching.completion import Suggestion, complete
from tasks.searching.filters import FILTERS
from tasks.searching.messages import InvalidSearch
from tasks.searching.reading import Kind
from tasks.searching.selection import DEAD_LETTERS, TASKS, Selection

__all__ = ["DEAD_LETTERS", "FILTERS", "TASKS", "InvalidSearch", "Kind", "Selection", "Suggestion", "complete"]
