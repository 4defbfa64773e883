"""A project whose events may be large, deployed once."""

import hashlib
from pathlib import Path

import pytest
from claims_kit import Claimed, Scanned

from millrace.local.synthesis import synthesise

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
    """The project's assembly; it shares the layers that the shop's own has made."""
    layers = APP / ".millrace"
    layers.mkdir(exist_ok=True)
    (layers / "layers").unlink(missing_ok=True)
    (layers / "layers").symlink_to(assembly.parent / "layers")
    synthesise(APP, layers / "cdk.out")
    return layers / "cdk.out"


@pytest.fixture(scope="module")
def claims(empty_cloud, claims_assembly):
    empty_cloud.deploy(claims_assembly)
    yield Claimed(empty_cloud)
    empty_cloud.reset()
