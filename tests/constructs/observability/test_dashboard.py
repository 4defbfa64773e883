"""The dashboard shows every alarm, and one graph per kind of alarm."""

import json

import pytest
from constructs import Construct

from millrace.constructs import Bus, Dashboard, Mediator, Processor, ordered

GRAPHS = {
    "Events in dead-letter queues": {"Bus", "Upgrade", "InOrder", "Ship"},
    "Age of the oldest event (s)": {"Upgrade", "Ship"},
    "Iterator age of streams (ms)": {"InOrder"},
    "Failed executions": {"Ship"},
    "Function errors (%)": {"Upgrade", "InOrder", "Ship", "Ship/ArrangeShipping"},
}


@pytest.fixture
def widgets(stack, bus, synthesised):
    Dashboard(stack, "Dashboard", bus=bus)
    Processor(stack, "Upgrade", bus=bus, function="upgrade_tier")
    Processor(stack, "InOrder", bus=bus, function="upgrade_tier", channel=ordered(partition_key="customer_id"))
    Mediator(stack, "Ship", bus=bus, steps=["arrange_shipping"])
    template = synthesised()
    (dashboard,) = template.of("CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"]
    parts = dashboard["DashboardBody"]["Fn::Join"][1]
    body = json.loads("".join(part if isinstance(part, str) else "X" for part in parts))
    return {widget["properties"]["title"]: widget["properties"] for widget in body["widgets"]}, template


def test_dashboard_shows_every_alarm_and_one_metric_per_construct(widgets):
    found, template = widgets
    labels = {title: {metric[-1].get("label") for metric in found[title]["metrics"]} - {None} for title in GRAPHS}
    assert labels == GRAPHS
    assert len(found["Alarms"]["alarms"]) == len(template.of("CloudWatch::Alarm"))
    assert "Open circuit breakers" not in found  # a graph without alarms


def test_dashboard_of_a_bus_without_functions_is_created(stack, synthesised):
    Dashboard(stack, "Dashboard", bus=Bus(stack, "Bus", name="alone"))
    assert len(synthesised().of("CloudWatch::Dashboard")) == 1


def test_widget_has_at_most_100_alarms(stack, bus, synthesised):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html"""
    from millrace.constructs.observability.alarms import Alarms

    dashboard = Dashboard(stack, "Dashboard", bus=bus)
    for number in range(101):
        Alarms(Construct(stack, f"Scope{number}"), None).dead_letters(bus.dead_letters)
    (body,) = synthesised().of("CloudWatch::Dashboard").values()
    parts = "".join(part if isinstance(part, str) else "X" for part in body["DashboardBody"]["Fn::Join"][1])
    widgets = [w["properties"] for w in json.loads(parts)["widgets"] if w["type"] == "alarm"]
    assert [(widget["title"], len(widget["alarms"])) for widget in widgets] == [("Alarms", 100), ("Alarms 2", 2)]
    assert dashboard.dashboard
