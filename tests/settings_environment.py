"""A pytest plugin that comes before Django's settings are read, which a conftest does not: adds the tests' own app."""

import os

_apps = [word for word in os.environ.get("EXTRA_APPS", "").split(",") if word.strip()]
os.environ["EXTRA_APPS"] = ",".join(dict.fromkeys([*_apps, "tests.sample_app"]))
