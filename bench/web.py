"""Taskyard's ASGI application with the benchmark's bare view beside its own."""

from config.asgi import application  # (it sets Django up, which what follows needs)

# isort: split
from django.urls import path

from bench.bare_view import BareView
from config import urls

urls.urlpatterns.insert(0, path("bench/bare/", BareView.as_view()))

__all__ = ["application"]
