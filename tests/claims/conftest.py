"""A project whose events may be large, deployed once."""

import hashlib
from pathlib import Path

import pytest
from app_assembly import app_assembly
from claims_kit import Claimed, Scanned

APP = Path(__file__).parent / "app"


@pytest.fixture
def scan():
    """A scan of so many characters, and the hash of its content."""

    def scan(key, size):
        content = (f"{key} {size} " * (size // 8 + 1))[:size]
        return Scanned(key=key, content=content), hashlib.sha256(content.encode()).hexdigest()

    return scan


@pytest.fixture(scope="session")
def claims_assembly(assembly):
    return app_assembly(APP, assembly)


@pytest.fixture(scope="module")
def claims(empty_cloud, claims_assembly):
    stack = empty_cloud.deploy(claims_assembly).stacks["Claims"]
    yield Claimed(empty_cloud, stack.outputs)
    empty_cloud.reset()
