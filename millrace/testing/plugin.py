"""pytest fixtures for projects: `cloud` is a local cloud with the stacks of the project.

def test_completed_order_earns_points(cloud):
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
    """Add the setting for the folder of recorded envelopes."""
    parser.addini("millrace_events", "folder of recorded envelopes, for the contract tests", default="tests/events")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize the contract tests with the events and consumers of the project."""
    requested = {"event_version", "event_consumption"} & set(metafunc.fixturenames)
    if requested:
        from millrace.testing import contracts  # noqa: PLC0415 - every pytest run imports the plugin

        collect = contracts.versions if "event_version" in requested else contracts.consumptions
        cases = collect(metafunc.config.rootpath, metafunc.config.getini("millrace_events"))
        metafunc.parametrize(requested.pop(), cases, ids=str)


@pytest.fixture(scope="session")
def assembly(pytestconfig: pytest.Config) -> Path:
    """The cloud assembly of the project, synthesised if its inputs have changed."""
    from millrace.local.synthesis import synthesise  # noqa: PLC0415 - every pytest run imports the plugin

    out = pytestconfig.rootpath / ".millrace" / "cdk.out"
    synthesise(pytestconfig.rootpath, out)
    return out


@pytest.fixture(scope="session")
def empty_cloud(pytestconfig: pytest.Config) -> Iterator["LocalCloud"]:
    """The empty local cloud of the test session. `cloud` resets it after each test."""
    from millrace.local.cloud import LocalCloud  # noqa: PLC0415

    with LocalCloud(cache=pytestconfig.rootpath / ".millrace") as cloud:
        yield cloud


@pytest.fixture
def cloud(empty_cloud: "LocalCloud", assembly: Path) -> Iterator["LocalCloud"]:
    """A local cloud with the stacks of the project, reset after each test."""
    empty_cloud.deploy(assembly)
    yield empty_cloud
    empty_cloud.reset()
