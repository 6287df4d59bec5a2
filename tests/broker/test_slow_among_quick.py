"""One slow task among ten thousand quick ones of its own type: they do not wait for it, on either kind of line."""

from pathlib import Path

import pytest

from tests.broker.installation import Installation
from tests.broker.load import lasting
from tests.broker.verdict import assert_sound

pytestmark = pytest.mark.broker

QUICK, SLOW_SECONDS = 5_000, 60.0


def test_ten_thousand_quick_tasks_do_not_wait_for_a_slow_one_among_them(
    installation: Installation, ledger: Path
) -> None:
    kinds = ("sample.work", "sample.async_work")
    quick_payload, slow_payload = ({"seconds": seconds, "ledger": str(ledger)} for seconds in (0.0, SLOW_SECONDS))
    # Known to be quick, its tasks travel by the hundred, and the slow one in the midst of them.
    known = installation.submit_all([{"type": kind, "payload": quick_payload} for kind in kinds] * 50)
    installation.await_ended(known, within=30)
    with lasting(installation):
        slow, quick = [], []
        for kind in kinds:
            tasks = [{"type": kind, "payload": quick_payload} for _ in range(QUICK)]
            ids = installation.submit_all([*tasks[:50], {"type": kind, "payload": slow_payload}, *tasks[50:]])
            slow.append(ids.pop(50))
            quick += ids
        assert len(quick) == 2 * QUICK
        assert installation.await_ended(quick, within=50) == {"completed": 2 * QUICK}
        assert installation.statuses(slow) == {"processing": 2}
        installation.rows("UPDATE tasks_task SET cancel_requested_at = now() WHERE id = ANY(%s::uuid[])", [slow])
        installation.await_status("cancelled", slow, within=20)
    assert assert_sound(installation, [*quick, *slow], ledger) == {"completed": 2 * QUICK, "cancelled": 2}
