"""The use cases. Admin, API and commands call these, so that all three doors behave alike."""

from tasks.services.submission import Submitted, submit_given, submit_task, submit_tasks

__all__ = ["Submitted", "submit_given", "submit_task", "submit_tasks"]
