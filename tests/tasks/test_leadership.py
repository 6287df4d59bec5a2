"""One leads at a time, each term is higher than the last, and a leader that lost the lead knows it."""

import pytest

from tasks import leadership, trust
from tasks.leadership import COORDINATOR, Lead
from tasks.models import Leadership
from tests.tasks.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def expire() -> None:
    Leadership.objects.update(expires_at="2000-01-01T00:00:00Z")


def test_the_first_to_ask_leads_and_the_second_stands_by() -> None:
    first, second = Lead(), Lead()
    assert first.acquire()
    assert not second.acquire()
    assert (first.term(), second.term()) == (1, None)


def test_a_lease_that_ran_out_is_taken_with_a_higher_term() -> None:
    first, second = Lead(), Lead()
    first.acquire()
    expire()
    assert second.acquire()
    assert second.term() == 2


def test_a_leader_that_was_replaced_cannot_renew_and_stops_trusting() -> None:
    first, second = Lead(), Lead()
    first.acquire()
    expire()
    second.acquire()
    assert not first.renew()
    assert first.term() is None
    assert second.renew()


def test_a_leader_trusts_its_lease_no_longer_than_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    lead = Lead()
    lead.acquire()
    now = trust.seconds()
    monkeypatch.setattr(trust, "seconds", lambda: now + lead.lease + 0.1)
    assert lead.term() is None


def test_a_leader_that_resigns_is_followed_at_once() -> None:
    first, second = Lead(), Lead()
    first.acquire()
    first.resign()
    assert first.term() is None
    assert second.acquire()


def test_notes_of_an_earlier_term_change_nothing() -> None:
    first, second = Lead(), Lead()
    first.acquire()
    leadership.note(COORDINATOR, 1, idle=True, broker_error="gone")
    row = Leadership.objects.get(role=COORDINATOR)
    assert (row.idle, row.broker_error) == (True, "gone")
    expire()
    second.acquire()
    leadership.note(COORDINATOR, 1, idle=True)
    assert not Leadership.objects.get(role=COORDINATOR).idle


@pytest.mark.django_db(transaction=True)
def test_of_several_that_ask_at_the_same_moment_one_leads() -> None:
    leads = [Lead() for _ in range(4)]
    assert sorted(together(*[lead.acquire for lead in leads])) == [False, False, False, True]
