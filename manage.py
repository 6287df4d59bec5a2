#!/usr/bin/env python
"""Django's command line for Taskyard."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from tasks.doors import through

    try:
        with through("command line"):
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"manage.py: {error}")
    except OperationalError as error:
        # With no code of the server's there was no connection, which is no fault of the program.
        if "--traceback" in sys.argv or getattr(error.__cause__, "sqlstate", "none") is not None:
            raise
        sys.exit(f"manage.py: the database does not answer: {' '.join(str(error).split())}")
