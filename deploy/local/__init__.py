"""Runs all of Taskyard's processes on one machine: what bin/up starts."""
