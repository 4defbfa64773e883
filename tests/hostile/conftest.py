"""An app with a public API, deployed once per module."""

from pathlib import Path

import pytest
from app_assembly import app_assembly
from hostile_app_kit import HostileApp

APP = Path(__file__).parent / "app"


@pytest.fixture(scope="session")
def hostile_assembly(assembly):
    return app_assembly(APP, assembly)


@pytest.fixture(scope="module")
def app(empty_cloud, hostile_assembly):
    yield HostileApp(empty_cloud, empty_cloud.deploy(hostile_assembly).stacks["Hotel"])
    empty_cloud.reset()
