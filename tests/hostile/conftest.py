"""An inn with open doors, deployed once for the tests of a module."""

from pathlib import Path

import pytest
from app_assembly import app_assembly
from inn_kit import Inn

APP = Path(__file__).parent / "app"


@pytest.fixture(scope="session")
def inn_assembly(assembly):
    return app_assembly(APP, assembly)


@pytest.fixture(scope="module")
def inn(empty_cloud, inn_assembly):
    yield Inn(empty_cloud, empty_cloud.deploy(inn_assembly).stacks["Inn"])
    empty_cloud.reset()
