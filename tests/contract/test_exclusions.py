"""The table of exclusions names what there is, and each operation of the schema is tried by one of the files."""

import re
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from schemathesis.checks import CHECKS, load_all_checks

from tests.contract import test_dead_letters, test_others, test_tasks
from tests.contract.exclusions import EXCLUSIONS

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def operations() -> list[tuple[str, str]]:
    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)
    return [(f"{method.upper()} {path}", path) for path, item in schema["paths"].items() for method in item]


def test_each_operation_is_in_the_share_of_one_file(operations: list[tuple[str, str]]) -> None:
    shares = [each.SHARE for each in (test_tasks, test_dead_letters, test_others)]
    assert [path for _, path in operations if sum(re.search(share, path) is not None for share in shares) != 1] == []


def test_exclusions_name_checks_and_operations_that_there_are(operations: list[tuple[str, str]]) -> None:
    load_all_checks()
    checks = CHECKS.get_all_names()
    for each in EXCLUSIONS:
        assert each.check in checks
        assert any(each.is_of(label, each.check) for label, _ in operations), each
        assert each.reason
