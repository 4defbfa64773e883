"""The rule that keeps what no contract has a name for."""

import json

import pytest

from millrace.constructs import Bus
from millrace.constructs.bus.name_patterns import PATTERN_CHARACTERS
from millrace.events import Event
from millrace.patterns import compile_pattern


class Knocked(Event, source="test.door"):
    pass


@pytest.fixture
def kept(synthesised):
    """Whether a bus keeps events of some source and detail-type."""

    def kept(source, detail_type):
        patterns = [compile_pattern(pattern) for pattern in patterns_of(synthesised())]
        return any(pattern.matches({"source": source, "detail-type": detail_type}) for pattern in patterns)

    return kept


def patterns_of(template):
    subscribed = template.rules()
    return [r["EventPattern"] for r in template.of("Events::Rule").values() if r not in subscribed]


@pytest.mark.parametrize(
    ("source", "detail_type", "undeclared"),
    [
        ("test.door", "Knocked", False),
        ("shop.orders", "OrderPlaced", False),
        ("test.door", "OrderPlaced", True),
        ("test.door", "knocked", True),
        ("test.doors", "Knocked", True),
        ("somebody", "Anything", True),
    ],
)
def test_a_bus_keeps_what_no_contract_of_the_project_or_of_its_constructs_names(
    bus, stack, kept, source, detail_type, undeclared
):
    bus.rules(stack, [Knocked], [])
    assert kept(source, detail_type) is undeclared


@pytest.mark.parametrize(("foreign", "passing"), [((), []), (["partner.sales"], ["partner.sales"]), (None, ["x", "y"])])
def test_sources_of_other_apps_pass_where_the_bus_says_so(stack, kept, foreign, passing):
    Bus(stack, "Bus", name="test", foreign_sources=foreign)
    assert all(not kept(source, "Anything") for source in passing)
    assert kept("partner.support", "Anything") is (foreign is not None)
    assert kept("shop.orders", "Anything")


def test_a_bus_of_another_stack_is_left_as_it_is(stack, synthesised):
    Bus(stack, "Bus", name="test", existing=True).rules(stack, [Knocked], [])
    assert patterns_of(synthesised()) == []


def test_what_is_kept_lies_with_the_dead_letters_and_only_that_rule_may_send_it(bus, synthesised):
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


def test_so_many_contracts_that_one_pattern_cannot_hold_them_take_several_rules(bus, stack, synthesised, kept):
    many = [
        type(f"Knocked{number}", (Event,), {"__module__": __name__}, source=f"test.door{number % 9}")
        for number in range(150)
    ]
    bus.rules(stack, many, [])
    written = [json.dumps(pattern, separators=(",", ":")) for pattern in patterns_of(synthesised())]
    assert len(written) > 1
    assert max(map(len, written)) <= PATTERN_CHARACTERS
    assert [kept("test.door1", name) for name in ("Knocked1", "Knocked2")] == [False, True]
