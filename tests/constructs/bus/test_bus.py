"""The bus: rules, settings, events of other accounts, and external subscribers."""

import re

import pytest
from constructs import Construct

from millrace.constructs import Bus, BusAccessError, BusNameError, ExternalQueue, Subscriber, SubscriberUnreachableError
from millrace.events import Event

OTHER_ACCOUNT = "111122223333"
QUEUE = f"arn:aws:sqs:us-east-1:{OTHER_ACCOUNT}:ledger"


class Opened(Event, source="test.valve"):
    pass


class Measured(Event, source="test.sensor"):
    pass


class OpenedBySensor(Event, source="test.sensor", detail_type="Opened"):
    pass


class Reported(Event, source="test.device", external=True):
    pass


def raises(error, message):
    return pytest.raises(error, match=re.escape(message))


def test_events_of_two_sources_have_separate_rules(stack, bus, synthesised):
    bus.add_rules(stack, [Opened, Measured], [])
    sources = [sorted(rule["EventPattern"]["source"]) for rule in synthesised().rules()]
    assert sources == [["test.sensor"], ["test.valve"]]


def test_sources_with_the_same_detail_types_share_a_rule(stack, bus, synthesised):
    bus.add_rules(stack, [Opened, OpenedBySensor], [])
    (rule,) = synthesised().rules()
    assert rule["EventPattern"] == {"source": ["test.sensor", "test.valve"], "detail-type": ["Opened"]}


def test_bus_has_a_key_a_log_and_alarm_actions(stack, synthesised):
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

    Bus(
        stack,
        "Bus",
        name="logged",
        encryption_key=kms.Key(stack, "Key"),
        log_events=True,
        alarm_topic=sns.Topic(stack, "Topic"),
    )
    template = synthesised()
    (bus,) = template.of("Events::EventBus").values()
    (log,) = template.of("Logs::LogGroup").values()
    assert "KmsKeyIdentifier" in bus
    assert log["LogGroupName"] == "/aws/events/logged"
    assert all(alarm["AlarmActions"] for alarm in template.of("CloudWatch::Alarm").values())


def test_bus_accepts_only_the_given_events_from_another_account(bus, synthesised):
    bus.accept_from(OTHER_ACCOUNT, [Reported])
    deny, allow = (policy["Statement"] for policy in synthesised().of("Events::EventBusPolicy").values())
    accounts = deny["Condition"]["StringNotEquals"]["aws:PrincipalAccount"]
    assert accounts == [{"Ref": "AWS::AccountId"}, OTHER_ACCOUNT]
    assert f":iam::{OTHER_ACCOUNT}:root" in str(allow["Principal"])
    assert allow["Condition"]["ForAllValues:StringEquals"] == {
        "events:source": ["test.device"],
        "events:detail-type": ["Reported"],
    }


@pytest.mark.parametrize("name", ["shop.orders", "s" * 65, ""])
def test_name_that_does_not_fit_the_resources_named_after_the_bus_raises(stack, name):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html"""
    with raises(BusNameError, f"Test/Bus: the name {name!r} is also that of the schema registry"):
        Bus(stack, "Bus", name=name)


def test_policies_of_two_stages_have_different_statement_ids(app):
    """https://github.com/aws/aws-cdk/issues/29627"""
    from aws_cdk import Stack

    for stage in ("shop-dev", "shop-prod-with-a-name-that-is-as-long-as-names-of-stacks-can-be"):
        Bus(Stack(app, stage), "Bus", name=stage[:9]).accept_from(OTHER_ACCOUNT, [Reported])
    templates = [stack.template["Resources"].values() for stack in app.synth().stacks]
    ids = [r["Properties"]["StatementId"] for t in templates for r in t if r["Type"] == "AWS::Events::EventBusPolicy"]
    assert len(ids) == len(set(ids)) == 4
    assert all(re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", each) for each in ids)


def test_accepting_internal_events_or_events_of_an_existing_bus_raises(stack, bus):
    with raises(BusAccessError, "only this app publishes Opened, so account 111122223333 cannot: declare"):
        bus.accept_from(OTHER_ACCOUNT, [Reported, Opened])
    with raises(BusAccessError, "belongs to another stack: call accept_from('111122223333', …) where the bus is"):
        Bus(stack, "Existing", name="existing", existing=True).accept_from(OTHER_ACCOUNT, [Reported])


def test_external_queue_in_another_region_raises(app):
    from aws_cdk import Environment, Stack

    stack = Stack(app, "Stack", env=Environment(account="123456789012", region="eu-west-1"))
    bus = Bus(stack, "Bus", name="test")
    with raises(SubscriberUnreachableError, "is in us-east-1, and a rule in eu-west-1 can only send to queues in eu-w"):
        Subscriber(stack, "Ledger", bus=bus, events=[Opened], target=ExternalQueue(QUEUE))


def test_rule_of_an_external_queue_may_use_its_key_only_through_sqs(stack, bus, synthesised):
    key = "arn:aws:kms:us-east-1:111122223333:key/k"
    Subscriber(stack, "Ledger", bus=bus, events=[Opened], target=ExternalQueue(QUEUE, key_arn=key))
    policies = synthesised().of("IAM::Policy").values()
    (use,) = [each for p in policies for each in p["PolicyDocument"]["Statement"] if each["Resource"] == key]
    assert use["Condition"] == {"StringEquals": {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}}


def test_bus_without_schema_type_has_no_registry(stack, synthesised):
    Bus(stack, "Bus", name="test", schema_type=None)
    assert not synthesised().of("EventSchemas::Registry")


@pytest.mark.parametrize("schema_type", ["OpenApi3", "JSONSchemaDraft4"])
def test_registry_contains_each_event_once_with_the_schema_type(stack, synthesised, schema_type):
    bus = Bus(stack, "Bus", name="test", schema_type=schema_type)
    bus.add_rules(stack, [Opened, Measured], [])
    bus.add_rules(Construct(stack, "Other"), [Measured], [])
    schemas = synthesised().of("EventSchemas::Schema").values()
    assert sorted(schema["SchemaName"] for schema in schemas) == ["test.sensor@Measured", "test.valve@Opened"]
    assert {(schema["RegistryName"], schema["Type"]) for schema in schemas} == {("test", schema_type)}
