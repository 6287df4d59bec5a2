"""The built-in types of task. Importing this package registers them."""

from tasks.handlers import cleanup, health_check, http_request

__all__ = ["cleanup", "health_check", "http_request"]
