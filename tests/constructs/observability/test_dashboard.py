"""The dashboard of a bus: every alarm, and a graph for each question that alarms ask."""

import json

import pytest

from millrace.constructs import Bus, Dashboard, Mediator, Processor, ordered


@pytest.fixture
def widgets(stack, bus, synthesised):
    Dashboard(stack, "Dashboard", bus=bus)
    Processor(stack, "Upgrade", bus=bus, function="upgrade_tier")
    Processor(stack, "InOrder", bus=bus, function="upgrade_tier", channel=ordered(by="customer_id"))
    Mediator(stack, "Ship", bus=bus, steps=["arrange_shipping"])
    template = synthesised()
    (dashboard,) = template.of("CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"]
    parts = dashboard["DashboardBody"]["Fn::Join"][1]
    body = json.loads("".join(part if isinstance(part, str) else "X" for part in parts))
    return {widget["properties"]["title"]: widget["properties"] for widget in body["widgets"]}, template


def test_it_shows_the_state_of_every_alarm_of_its_stack(widgets):
    found, template = widgets
    assert len(found["Alarms"]["alarms"]) == len(template.of("CloudWatch::Alarm"))


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What was given up", {"Bus", "Upgrade", "InOrder", "Ship"}),
        ("How long the oldest event waits (s)", {"Upgrade", "Ship"}),
        ("How long records wait in streams (ms)", {"InOrder"}),
        ("Which executions fail", {"Ship"}),
        ("Which functions raise errors", {"Upgrade", "InOrder", "Ship", "Ship/ArrangeShipping"}),
    ],
)
def test_a_question_has_one_graph_with_each_construct_that_it_asks_of(widgets, question, names):
    found, _ = widgets
    assert {metric[-1]["label"] for metric in found[question]["metrics"]} == names


def test_what_no_alarm_watches_has_no_graph(widgets):
    found, _ = widgets
    assert "Which circuit breakers are open" not in found


def test_a_bus_alone_has_its_own_dead_letters(stack, synthesised):
    Dashboard(stack, "Dashboard", bus=Bus(stack, "Bus", name="alone"))
    assert len(synthesised().of("CloudWatch::Dashboard")) == 1
