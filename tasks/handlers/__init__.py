"""The built-in types of task. Importing this package registers them."""

from tasks.handlers import cleanup, compensation, data_processing, health_check, http_request

__all__ = ["cleanup", "compensation", "data_processing", "health_check", "http_request"]
