"""Who submits."""

import pytest
from django.contrib.auth.models import User


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create(username="ann")  # without a password, which takes long to make
