"""Where the admin's pages are loaded, and where not."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib import admin
from django.core.checks import run_checks

from config.apps import check_pages
from tasks.models import Task

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "import sys; print([name for name in sys.modules if name.startswith(('tasks.admin', 'unfold.admin', 'tasks.api'))])"
)


@pytest.mark.parametrize(
    "what", ["from tasks import registry; registry.load()", "import tasks.coordinator, tasks.beat"]
)
def test_who_shows_no_pages_loads_none(what: str) -> None:
    script = f"import django; django.setup(); {what}; {PAGES}"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_mistake_in_a_page_is_found_by_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_pages(None) == []
    monkeypatch.setattr(type(admin.site._registry[Task]), "list_display", ("no_such_column",))
    assert [error.id for error in run_checks(tags=["admin"])] == ["admin.E108"]
