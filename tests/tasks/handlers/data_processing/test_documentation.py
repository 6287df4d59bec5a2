"""What docs/data-processing.md shows is accepted, and what it says of steps is complete."""

import json
import re

import pytest
from django.conf import settings

from tasks.handlers.data_processing import DataProcessing
from tasks.handlers.data_processing.steps import Step

PAGE = (settings.BASE_DIR / "docs/data-processing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_what_the_page_shows_is_accepted(block):
    shown = json.loads(block)
    payload = shown if "source" in shown else {"source": {"rows": [{"a": 1}]}, "steps": [shown]}
    DataProcessing.model_validate(payload)


def test_the_page_names_every_step():
    table = PAGE.split("## Steps")[1].split("Expressions")[0]
    named = {
        name for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)
    }
    assert named == {model.model_fields["op"].annotation.__args__[0] for model in Step.__args__[0].__args__}
