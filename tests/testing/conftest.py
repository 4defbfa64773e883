import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from planted import planted_cloud

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Run simulations first: each run is a fork, which is fast while the process is small."""
    items.sort(key=lambda item: (HERE not in item.path.parents, "simulation" not in item.path.name))


@pytest.fixture(scope="session")
def bank(pytestconfig):
    """The bank with planted bugs, deployed once."""
    return planted_cloud(pytestconfig.rootpath / ".millrace")


@pytest.fixture
def another_bank(pytestconfig):
    """Deploy the bank again, at a virtual time."""
    return lambda start: planted_cloud(pytestconfig.rootpath / ".millrace", start)


@pytest.fixture
def run(bank):
    """Run a test with a seed, in a fork."""
    from millrace.testing.simulation.runs import Plan, Runner

    def ran(test, seed=0, given=None):
        return Runner(bank, None, test).run(Plan(seed, given))

    return ran
