"""Fixtures of the tests of state machines. Use `pytest_plugins = ("machines_fixtures",)`."""

import pytest
from machines_kit import Kit


@pytest.fixture(scope="module")
def kit(empty_cloud):
    yield Kit(empty_cloud)
    empty_cloud.reset()
