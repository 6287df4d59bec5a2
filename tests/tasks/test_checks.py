"""The engine's system checks."""

from typing import Any

import pytest
from django.core.checks import run_checks

from tasks.checks import check_embedded_in_production


def test_the_embedded_broker_is_warned_of(settings: Any) -> None:
    settings.EMBEDDED_BROKER = True
    (warning,) = check_embedded_in_production()
    assert warning.id == "tasks.W001"
    assert "BROKER_URL" in (warning.hint or "")


def test_a_real_broker_is_not(settings: Any) -> None:
    settings.EMBEDDED_BROKER = False
    assert check_embedded_in_production() == []


@pytest.mark.parametrize("deployed", [True, False])
def test_it_is_asked_for_deployments_only(deployed: bool, settings: Any) -> None:
    settings.EMBEDDED_BROKER = True
    found = {each.id for each in run_checks(tags=["security"], include_deployment_checks=deployed)}
    assert ("tasks.W001" in found) == deployed
