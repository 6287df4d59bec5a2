"""Tests that run the whole product in embedded mode, with real processes."""
