"""What the page of one task shows: a constant number of queries, and bounded lists whatever the task went through."""

from tasks.admin.task_page.facts import run_time
from tasks.admin.task_page.page import task_page

__all__ = ["run_time", "task_page"]
