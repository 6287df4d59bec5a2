"""Tests of tasks.explaining."""
