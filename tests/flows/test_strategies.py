"""Failure strategies: each flow ends as documented in docs/failure-strategies.md."""

import re

import pytest

MINUTES, HOURS = 60, 3600
ENDS = {
    "Kept": {"tries": 5, "done": "no", "dead_letters": 1},
    "FailFast": {"tries": 1, "done": "no", "dead_letters": 1},
    "FailOver": {"tries": 5, "done": "fallback", "dead_letters": 0},
    "FailOverDirect": {"tries": 3, "done": "fallback", "dead_letters": 0},
    "FailSafe": {"tries": 1, "done": "fallback", "dead_letters": 0},
    "FailSilent": {"tries": 5, "done": "no", "dead_letters": 1},
    "FailBack": {"tries": 11, "done": "yes", "dead_letters": 0},
}


@pytest.fixture(scope="module")
def ends(flows):
    """The result of each strategy three hours after a flow that fails for 90 minutes."""
    flows.put("test.strategies", "Tried", key="k", until=int(flows.now() + 90 * MINUTES))
    flows.settle()
    flows.pass_time(3 * HOURS)
    return {strategy: end(flows, strategy) for strategy in ENDS}


def end(flows, strategy):
    item = flows.table(f"{strategy}tries").get_item(Key={"key": "k"})["Item"]
    return {"tries": int(item["tries"]), "done": item["done"], "dead_letters": len(flows.dead_letters(strategy))}


@pytest.mark.parametrize("strategy", ENDS)
def test_flow_ends_as_its_strategy_defines(ends, strategy):
    assert ends[strategy] == ENDS[strategy]


def test_successful_flow_is_the_same_under_each_strategy(flows):
    flows.put("test.strategies", "Tried", key="fine")
    flows.settle()
    items = [flows.table(f"{strategy}tries").get_item(Key={"key": "fine"})["Item"] for strategy in ENDS]
    assert [(int(item["tries"]), item["done"]) for item in items] == [(1, "yes")] * len(ENDS)


def test_silent_failure_raises_no_alarm(flows):
    alarms = [alarm["AlarmName"].lower() for alarm in flows.client("cloudwatch").describe_alarms()["MetricAlarms"]]
    of = {name: [alarm for alarm in alarms if f"flows-{name}".lower() in alarm] for name in ("Kept", "FailSilent")}
    failures = [alarm for alarm in of["Kept"] if re.search("alarms(deadletters|errors|throttles)", alarm)]
    assert len(failures) == 3
    assert [alarm for alarm in of["FailSilent"] if re.search("deadletters|errors|throttles", alarm)] == []
