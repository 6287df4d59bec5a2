"""Tests on a real RabbitMQ and PostgreSQL, with real processes."""
