"""A shop with subscribers in another account and region, deployed once."""

from pathlib import Path

import pytest
from app_assembly import app_assembly

APP = Path(__file__).parent / "app"


@pytest.fixture(scope="session")
def abroad_assembly(assembly):
    return app_assembly(APP, assembly)


@pytest.fixture(scope="module")
def abroad(empty_cloud, abroad_assembly):
    """The local cloud with all three stacks."""
    empty_cloud.deploy(abroad_assembly)
    yield empty_cloud
    empty_cloud.reset()
