"""The stage of an app is a part of the names of its resources."""

import pytest
from aws_cdk import App, Stack

from millrace.constructs import Bus, Dashboard, Mediator, StageNameError, staged

NAMES = ("Name", "DashboardName", "RegistryName", "LogGroupName", "ParameterKey", "StateMachineName", "TopicName")


@pytest.fixture
def staging(app):
    app.node.set_context("stage", "dev")
    return Stack(app, staged(app, "Test"))


def test_every_physical_name_contains_the_stage(staging, synthesised):
    bus = Bus(staging, "Bus", name="shop", log_events=True, alarm_topic="ops@example.com")
    Mediator(staging, "Ship", bus=bus, steps=["arrange_shipping"])
    Dashboard(staging, "Dashboard", bus=bus)
    resources = synthesised().resources.values()
    named = [r["Properties"][name] for r in resources for name in NAMES if name in r.get("Properties", {})]
    texts = [str(name) for name in named if isinstance(name, str)]
    assert len(texts) >= 7
    assert not [text for text in texts if "dev" not in text]


def test_metrics_of_a_stage_have_their_own_namespace(staging, synthesised):
    Mediator(staging, "Ship", bus=Bus(staging, "Bus", name="shop"), steps=["arrange_shipping"])
    functions = synthesised().of("Lambda::Function").values()
    namespaces = {f["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] for f in functions}
    assert namespaces == {"Millrace/dev"}


def test_alarms_of_a_stage_notify_the_topic_of_the_stage(staging, synthesised):
    Bus(staging, "Bus", name="shop", alarm_topic="ops@example.com")
    template = synthesised()
    ((name, topic),) = template.of("SNS::Topic").items()
    (subscription,) = template.of("SNS::Subscription").values()
    assert topic["TopicName"] == "shop-dev-alarms"
    assert subscription == {"Endpoint": "ops@example.com", "Protocol": "email", "TopicArn": {"Ref": name}}
    assert all(alarm["AlarmActions"] == [{"Ref": name}] for alarm in template.of("CloudWatch::Alarm").values())


def test_alarms_of_an_existing_bus_notify_the_topic_of_the_stage(staging, synthesised):
    Bus(staging, "Bus", name="shop", alarm_topic="ops@example.com", existing=True)
    template = synthesised()
    (alarm,) = template.of("CloudWatch::Alarm").values()
    assert str(alarm["AlarmActions"]).endswith(":shop-dev-alarms']]}]")
    assert template.of("SNS::Topic") == {}


def test_names_without_a_stage_are_unchanged():
    assert staged(App(), "shop") == "shop"


@pytest.mark.parametrize("stage", ["Dev", "1st", "a-b", "x" * 17])
def test_invalid_stage_raises(stage):
    with pytest.raises(StageNameError, match="1 to 16 lower-case letters"):
        staged(App(context={"stage": stage}), "shop")
