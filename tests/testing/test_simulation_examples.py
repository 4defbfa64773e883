"""`@simulate` with Hypothesis, and the tutorial of docs/simulation.md."""

import re
import sys
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planted import Paid, planted_cloud

from millrace.testing.simulation import SimulationError, simulate
from millrace.testing.simulation.decorator import Options, Simulations


@pytest.fixture
def simulation(bank, another_bank):
    return Simulations(bank, None, another_bank, Options())


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cents=st.lists(st.integers(1, 9), min_size=1, max_size=3))
@simulate(seeds=2)
def test_hypothesis_chooses_the_events_and_the_seed_the_schedule(simulation, cents):
    for each in cents:
        simulation.put(Paid(to="stores_each", cents=each))
    simulation.settle()
    stored = Counter(item["cents"] for item in simulation.items("state"))
    assert stored <= Counter(cents)


def test_the_tutorial_finds_its_bug_and_its_fix_passes(pytestconfig, monkeypatch):
    page = (pytestconfig.rootpath / "docs" / "simulation.md").read_text().partition("## Find a bug")[2]
    broken, test, fixed = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:3]
    contracts = SimpleNamespace(Paid=lambda **fields: Paid(to="add_payment", **fields))
    monkeypatch.setitem(sys.modules, "functions.contracts.payments", contracts)
    named = {}
    exec(test, named)
    with pytest.raises(SimulationError, match=r"response lost at call add_payment dynamodb\.UpdateItem #1"):
        named["test_a_payment_counts_once"](simulation=deployed(pytestconfig, broken))
    named["test_a_payment_counts_once"](simulation=deployed(pytestconfig, fixed))


def deployed(pytestconfig, code):
    cache = pytestconfig.rootpath / ".millrace"
    cloud = planted_cloud(cache, functions={"add_payment": code})
    return Simulations(cloud, None, lambda start: planted_cloud(cache, start, {"add_payment": code}), Options())
