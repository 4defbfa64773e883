"""The fixtures that a project's tests are given: `cloud`, a local cloud with the project's stacks in it.

def test_a_completed_order_earns_points(cloud):
order = cloud.put(OrderCompleted(...), bus="shop")
cloud.settle()
assert "PointsAwarded" in cloud.trace(order.correlation_id).names()
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from millrace.local.cloud import LocalCloud


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say where a project keeps recorded envelopes."""
    parser.addini("millrace_events", "folder of recorded envelopes, for the contract tests", default="tests/events")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the contract tests, where a project asks for them, the project's events and consumers."""
    asked = {"event_version", "event_consumption"} & set(metafunc.fixturenames)
    if asked:
        from millrace.testing import contracts  # noqa: PLC0415 - a plugin is imported by every pytest run

        listed = contracts.versions if "event_version" in asked else contracts.consumptions
        cases = listed(metafunc.config.rootpath, metafunc.config.getini("millrace_events"))
        metafunc.parametrize(asked.pop(), cases, ids=str)


@pytest.fixture(scope="session")
def assembly(pytestconfig: pytest.Config) -> Path:
    """The project's cloud assembly, synthesised where its inputs have changed."""
    from millrace.local.synthesis import synthesise  # noqa: PLC0415 - a plugin is imported by every pytest run

    out = pytestconfig.rootpath / ".millrace" / "cdk.out"
    synthesise(pytestconfig.rootpath, out)
    return out


@pytest.fixture(scope="session")
def empty_cloud(pytestconfig: pytest.Config) -> Iterator["LocalCloud"]:
    """One local cloud for all tests, with nothing deployed; `cloud` empties it after each test."""
    from millrace.local.cloud import LocalCloud  # noqa: PLC0415

    with LocalCloud(cache=pytestconfig.rootpath / ".millrace") as cloud:
        yield cloud


@pytest.fixture
def cloud(empty_cloud: "LocalCloud", assembly: Path) -> Iterator["LocalCloud"]:
    """A local cloud with the project's stacks, fresh for each test."""
    empty_cloud.deploy(assembly)
    yield empty_cloud
    empty_cloud.reset()
