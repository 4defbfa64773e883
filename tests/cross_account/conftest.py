"""A shop with subscribers in another account and region, deployed once."""

from pathlib import Path

import pytest
from app_assembly import app_assembly

APP = Path(__file__).parent / "app"


@pytest.fixture(scope="session")
def cross_account_assembly(assembly):
    return app_assembly(APP, assembly)


@pytest.fixture(scope="module")
def cross_account(empty_cloud, cross_account_assembly):
    """The local cloud with the three stacks of the app."""
    empty_cloud.deploy(cross_account_assembly)
    yield empty_cloud
    empty_cloud.reset()
