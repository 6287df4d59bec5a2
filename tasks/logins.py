"""Failed attempts to sign in, counted in the database: guessing passwords is slow whatever process is asked.

Three counts bound them: of a name from one address, so that a mistaken person is stopped alone; of an address, and of a
name from wherever it is tried. Each ends WINDOW after it began. Attempts at the same moment may come through together.
"""

import ipaddress

from django.utils.crypto import salted_hmac

from tasks import database
from tasks.models import FailedLogin

WINDOW = 300.0  # seconds
BY_PAIR, BY_ADDRESS, BY_NAME = 10, 50, 100


def wait(address: str, name: str) -> float:
    """Returns the seconds until another attempt is taken, 0 for now."""
    limits = _subjects(address, name)
    rows = FailedLogin.objects.filter(subject__in=limits).values_list("subject", "count", "since")
    over = [since for subject, count, since in rows if count >= limits[subject]]
    if not over:
        return 0.0
    return max(0.0, WINDOW - (database.now() - max(over)).total_seconds())


def note_failure(address: str, name: str) -> None:
    """Counts a failed attempt."""
    age = database.seconds_since("tasks_failedlogin.since")
    database.run(
        f"""WITH {database.given(subject="text")}
        INSERT INTO tasks_failedlogin (subject, count, since) SELECT v_subject, 1, {database.clock()} FROM v WHERE true
        ON CONFLICT (subject) DO UPDATE SET
            count = CASE WHEN {age} > %s THEN 1 ELSE tasks_failedlogin.count + 1 END,
            since = CASE WHEN {age} > %s THEN excluded.since ELSE tasks_failedlogin.since END""",
        [database.as_rows({"subject": each} for each in sorted(_subjects(address, name))), WINDOW, WINDOW],
    )
    database.run(f"DELETE FROM tasks_failedlogin WHERE since < {database.clock_plus('-%s')}", [10 * WINDOW])


def _subjects(address: str, name: str) -> dict[str, int]:
    """Returns what is counted, each with its limit. Hashed: people type passwords into the field of the name."""
    network, name = _network(address), name.strip().casefold()[:200]
    named = {f"pair\n{network}\n{name}": BY_PAIR, f"address\n{network}": BY_ADDRESS, f"name\n{name}": BY_NAME}
    return {salted_hmac("tasks.logins", each, algorithm="sha256").hexdigest(): most for each, most in named.items()}


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    # Whoever has one address of IPv6 has 2 to the 64th of them.
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
