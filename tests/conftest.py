"""What all tests share."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from hypothesis import settings as hypothesis_settings

# A machine that is busy with something else makes no example wrong.
hypothesis_settings.register_profile("taskyard", deadline=None)
hypothesis_settings.load_profile("taskyard")


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_not_gathered() -> None:
    """Each test client would list all of them anew, and take longer than most tests. A live server has its own way."""
    settings.WHITENOISE_USE_FINDERS = False


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Leaves PostgreSQL's to `bin/services stop`: each DROP has the server write down all that the others wrote."""
    return not connections["default"].settings_dict["ENGINE"].endswith("sqlite3")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Puts SQLite into a file, as the product does: threads that share one in memory lock each other's tables."""
    of_database: dict[str, Any] = connections["default"].settings_dict
    if of_database["ENGINE"].endswith("sqlite3"):
        of_database["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
