"""Undeclared events are sent to the dead-letter queue."""

import json

import pytest

from millrace.constructs import Bus
from millrace.constructs.bus.rules import PATTERN_CHARACTERS
from millrace.events import Event
from millrace.patterns import compile_pattern


class Measured(Event, source="test.sensor"):
    pass


@pytest.fixture
def undeclared(synthesised):
    """Return whether the bus sends an event to the dead-letter queue."""

    def undeclared(source, detail_type):
        patterns = [compile_pattern(pattern) for pattern in patterns_of(synthesised())]
        return any(pattern.matches({"source": source, "detail-type": detail_type}) for pattern in patterns)

    return undeclared


def patterns_of(template):
    return [rule["EventPattern"] for rule in template.undeclared_rules()]


@pytest.mark.parametrize(
    ("source", "detail_type", "expected"),
    [
        ("test.sensor", "Measured", False),
        ("shop.orders", "OrderPlaced", False),
        ("test.sensor", "OrderPlaced", True),
        ("test.sensor", "measured", True),
        ("test.sensors", "Measured", True),
        ("unknown.source", "Anything", True),
    ],
)
def test_bus_matches_events_that_no_contract_declares(bus, stack, undeclared, source, detail_type, expected):
    bus.add_rules(stack, [Measured], [])
    assert undeclared(source, detail_type) is expected


@pytest.mark.parametrize(("foreign", "ignored"), [((), []), (["partner.sales"], ["partner.sales"]), (None, ["x", "y"])])
def test_events_of_foreign_sources_are_ignored(stack, undeclared, foreign, ignored):
    Bus(stack, "Bus", name="test", foreign_sources=foreign)
    assert all(not undeclared(source, "Anything") for source in ignored)
    assert undeclared("partner.support", "Anything") is (foreign is not None)
    assert undeclared("shop.orders", "Anything")


def test_existing_bus_has_no_rules_for_undeclared_events(stack, synthesised):
    Bus(stack, "Bus", name="test", existing=True).add_rules(stack, [Measured], [])
    assert patterns_of(synthesised()) == []


def test_rule_may_send_undeclared_events_to_the_dead_letter_queue(bus, synthesised):
    template = synthesised()
    (target,) = next(r["Targets"] for name, r in template.of("Events::Rule").items() if "Undeclared" in name)
    assert target["Arn"] == target["DeadLetterConfig"]["Arn"]
    senders = [
        statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        for policy in template.of("SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if "ArnEquals" in statement.get("Condition", {})
    ]
    assert any("UndeclaredRule" in json.dumps(arn) for arn in senders)


def test_long_patterns_are_split_into_several_rules(bus, stack, synthesised, undeclared):
    many = [
        type(f"Measured{number}", (Event,), {"__module__": __name__}, source=f"test.sensor{number % 9}")
        for number in range(150)
    ]
    bus.add_rules(stack, many, [])
    patterns = [json.dumps(pattern, separators=(",", ":")) for pattern in patterns_of(synthesised())]
    assert len(patterns) > 1
    assert max(map(len, patterns)) <= PATTERN_CHARACTERS
    assert [undeclared("test.sensor1", name) for name in ("Measured1", "Measured2")] == [False, True]
