"""Composes the project. Decides nothing about tasks: the apps do."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
