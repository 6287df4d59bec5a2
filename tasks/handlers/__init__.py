"""The built-in types of task. Importing this package registers them."""

from tasks.handlers import cleanup, data_processing, health_check, http_request

__all__ = ["cleanup", "data_processing", "health_check", "http_request"]
