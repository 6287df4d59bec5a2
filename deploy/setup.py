"""Prepares a database for a release, before its processes start: migrations, and the first administrator.

    python -m deploy.setup

The administrator is the one of DJANGO_SUPERUSER_USERNAME, _PASSWORD and _EMAIL; where there is one already, nobody is
made. Done again, it changes nothing.
"""

import os
import sys

from deploy.local import checks


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        checks.settings("setup")
        given = checks.administrator_password()
        checks.database()
    except checks.CannotStart as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    from deploy.local import first_start

    first_start.prepare_database()
    first_start.make_administrator(given)
    print("The database is ready.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
