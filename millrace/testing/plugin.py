"""Fixtures for a project's tests: `cloud` is a local cloud with the project's stacks.

def test_a_completed_order_earns_points(cloud):
order = cloud.put(OrderCompleted(...), bus="shop")
cloud.settle()
assert "PointsAwarded" in cloud.trace(order.correlation_id).names()
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from millrace.local.cloud import LocalCloud
    from millrace.testing.simulation.decorator import Simulations
    from millrace.testing.simulation.targets import DeployedScenario


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting of the folder of recorded envelopes, and the options of simulations."""
    parser.addini("millrace_events", "folder of recorded envelopes, for the contract tests", default="tests/events")
    group = parser.getgroup("millrace", "simulations")
    group.addoption(
        "--replay", metavar="SEED[:FAULTS]", help="Run simulations with this seed, and these of its faults."
    )
    group.addoption("--seeds", type=int, metavar="N", help="Run simulations with so many seeds.")
    group.addoption("--seed-seconds", type=float, metavar="S", help="Run each simulation with new seeds for so long.")
    group.addoption(
        "--target",
        choices=("simulation", "local", "aws"),
        default="simulation",
        help="Run simulations once in the local cloud, or on AWS with the credentials of the shell.",
    )
    group.addoption("--seed-jobs", type=int, metavar="N", default=1, help="Run so many seeds at a time.")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of simulations."""
    config.addinivalue_line("markers", "simulation: runs once for each seed of a simulation")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize the contract tests with the project's events and consumers."""
    requested = {"event_version", "event_consumer"} & set(metafunc.fixturenames)
    if requested:
        from millrace.testing import contracts  # noqa: PLC0415 - a plugin is imported by every pytest run

        listed = contracts.versions if "event_version" in requested else contracts.consumers
        cases = listed(metafunc.config.rootpath, metafunc.config.getini("millrace_events"))
        metafunc.parametrize(requested.pop(), cases, ids=str)


@pytest.fixture(scope="session")
def assembly(pytestconfig: pytest.Config) -> Path:
    """The project's cloud assembly, synthesised if its inputs have changed."""
    from millrace.local.cloudformation.synthesis import (  # noqa: PLC0415 - a plugin is imported by every pytest run
        python_mismatch,
        synthesise,
    )

    out = pytestconfig.rootpath / ".millrace" / "cdk.out"
    synthesise(pytestconfig.rootpath, out)
    if warning := python_mismatch(out):
        warnings.warn(warning, stacklevel=2)
    return out


@pytest.fixture(scope="session")
def empty_cloud(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator["LocalCloud"]:
    """One empty local cloud for all tests. `cloud` resets it after each test."""
    from millrace.local.cloud import LocalCloud  # noqa: PLC0415

    shared = [tmp_path_factory.getbasetemp()]  # a function and its test can share files of `tmp_path`
    with LocalCloud(cache=pytestconfig.rootpath / ".millrace", shared=shared) as cloud:
        yield cloud


@pytest.fixture
def cloud(empty_cloud: "LocalCloud", assembly: Path) -> Iterator["LocalCloud"]:
    """A local cloud with the project's stacks, reset after each test."""
    empty_cloud.deploy(assembly)
    yield empty_cloud
    empty_cloud.reset()


@pytest.fixture(scope="session")
def simulated_clouds() -> dict[Path, "Simulations"]:
    """The simulated clouds of this session, by their assemblies."""
    return {}


@pytest.fixture
def simulation(
    request: pytest.FixtureRequest,
    pytestconfig: pytest.Config,
    assembly: Path,
    simulated_clouds: dict[Path, "Simulations"],
) -> "Simulations | DeployedScenario":
    """The project's stacks, deployed to a simulated cloud or the --target. A test with `@simulate` gets one run."""
    if pytestconfig.getoption("--target") == "local":
        from millrace.testing.simulation.targets import LocalScenario  # noqa: PLC0415

        return LocalScenario(request.getfixturevalue("cloud"), assembly)
    if pytestconfig.getoption("--target") == "aws":
        from millrace.operations.cloud import choose_aws  # noqa: PLC0415
        from millrace.testing.simulation.targets import DeployedScenario  # noqa: PLC0415

        return DeployedScenario(choose_aws(os.environ), assembly)
    from millrace.testing.simulation.decorator import Simulations  # noqa: PLC0415

    if assembly not in simulated_clouds:
        cache = pytestconfig.rootpath / ".millrace"
        simulated_clouds[assembly] = Simulations.of(assembly, cache)
    found = simulated_clouds[assembly]
    found.options.read(pytestconfig)
    return found
