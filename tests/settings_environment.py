"""A pytest plugin that comes before Django's settings are read, which a conftest does not: adds the tests' own app,
and gives each of several test processes a home and a namespace of its own."""

import os
from pathlib import Path

_apps = [word for word in os.environ.get("EXTRA_APPS", "").split(",") if word.strip()]
os.environ["EXTRA_APPS"] = ",".join(dict.fromkeys([*_apps, "tests.sample_app"]))

if _process := os.environ.get("PYTEST_XDIST_WORKER"):
    _home = Path(os.environ.get("TASKYARD_HOME") or Path(__file__).resolve().parents[1] / ".run")
    os.environ["TASKYARD_HOME"] = str(_home / _process)
    if _namespace := os.environ.get("BROKER_NAMESPACE"):
        os.environ["BROKER_NAMESPACE"] = f"{_namespace}_{_process}"
