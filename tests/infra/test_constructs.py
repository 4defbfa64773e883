"""Constructs on their own: what they refuse, and what they make of their settings."""

import re

import pytest
from constructs import Construct

from millrace.constructs import (
    Bus,
    Changes,
    ClosedBus,
    EventStore,
    Mediator,
    MissingTable,
    NotDeclared,
    OutOfReach,
    OutsideQueue,
    Processor,
    Projection,
    Saga,
    SagaStep,
    Subscriber,
    UnclearChange,
    UnknownFunction,
    UnsoundFlow,
    direct,
    queue,
)
from millrace.constructs.layer import LayerFailed, build_layer
from millrace.events import Event


class Knocked(Event, source="test.door"):
    pass


class Rang(Event, source="test.bell"):
    pass


class KnockedElsewhere(Event, source="test.bell", detail_type="Knocked"):
    pass


@pytest.fixture
def table(stack):
    from aws_cdk import aws_dynamodb as dynamodb

    key = dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING)
    return dynamodb.Table(stack, "Table", partition_key=key)


def refuses(error, told):
    return pytest.raises(error, match=re.escape(told))


def test_a_missing_table_names_the_function_the_parameter_and_the_mend(stack, bus):
    with refuses(
        MissingTable, "award_points.handler.handler asks for the table 'points': give Processor Test/P tables"
    ):
        Processor(stack, "P", bus=bus, function="award_points")


def test_a_table_that_nobody_asks_for_is_refused(stack, bus, table):
    with refuses(MissingTable, "(upgrade_tier) has a parameter 'points': take it out, or write 'points: Table'"):
        Processor(stack, "P", bus=bus, function="upgrade_tier", tables={"points": table})


def test_an_unknown_folder_is_answered_with_those_there_are(stack, bus):
    with refuses(UnknownFunction, "The functions of this project are: arrange_shipping, award_points, "):
        Processor(stack, "P", bus=bus, function="award_pionts")


def test_a_step_is_no_processor_and_a_processor_no_step(stack, bus):
    with refuses(NotDeclared, "functions/arrange_shipping/handler.py has no function 'handler' under @processor"):
        Processor(stack, "P", bus=bus, function="arrange_shipping")
    with refuses(NotDeclared, "under @step"):
        Mediator(stack, "M", bus=bus, steps=["issue_gift"])


def test_a_step_that_asks_for_what_no_earlier_step_says_is_refused(stack, bus, table):
    told = "the step complete_order takes shipment: ShipmentArranged, and no step before it says that"
    with refuses(UnsoundFlow, told):
        Mediator(stack, "M", bus=bus, steps=["reserve_stock", "complete_order"], tables={"stock": table})


@pytest.mark.parametrize(("steps", "told"), [([], "has no steps"), (["reject_order"] * 2, "has reject_order twice")])
def test_a_flow_has_steps_and_each_once(stack, bus, steps, told):
    with refuses(UnsoundFlow, told):
        Mediator(stack, "M", bus=bus, steps=steps)


def saga(stack, bus, *steps, completed="complete_order", rejected="reject_order"):
    return Saga(stack, "S", bus=bus, steps=steps, completed=completed, rejected=rejected)


def test_an_undo_that_counts_on_the_event_of_its_own_step_is_refused(stack, bus):
    told = "arrange_shipping, which it undoes, may have failed before it said so"
    with refuses(UnsoundFlow, told) as caught:
        saga(stack, bus, SagaStep("arrange_shipping", undo="complete_order"), completed="charge_payment")
    assert "annotate it with '| None'" in str(caught.value)


def test_a_rejection_that_counts_on_the_event_of_a_step_is_refused(stack, bus):
    with refuses(UnsoundFlow, "the saga may have been rejected before that was said"):
        saga(stack, bus, SagaStep("arrange_shipping"), rejected="complete_order", completed="reject_order")


def test_a_completion_that_asks_for_an_unsaid_event_is_refused(stack, bus):
    with refuses(UnsoundFlow, "the step complete_order takes shipment"):
        saga(stack, bus, SagaStep("charge_payment"))


def test_a_mediator_runs_its_steps_one_after_the_other_and_catches_nothing(stack, bus, table, synthesised):
    tables = {"stock": table, "payments": table}
    Mediator(stack, "M", bus=bus, steps=["reserve_stock", "charge_payment"], tables=tables)
    machine = synthesised().machine()
    states = machine["States"]
    assert machine["StartAt"] == "reserve_stock"
    assert states["reserve_stock"]["Next"] == "charge_payment"
    assert not [state for state in states.values() if "Catch" in state]


def test_an_execution_that_fails_is_led_to_the_dead_letters_and_else_to_those_of_the_bus(stack, bus, synthesised):
    mediator = Mediator(stack, "M", bus=bus, steps=["arrange_shipping"])
    machine = stack.resolve(mediator.state_machine.state_machine_arn)
    letters, others = (stack.resolve(owner.dead_letters.queue_arn) for owner in (mediator, bus))
    (rule,) = [
        r for r in synthesised().of("Events::Rule").values() if r["EventPattern"].get("source") == ["aws.states"]
    ]
    assert "EventBusName" not in rule
    ends = ["FAILED", "TIMED_OUT", "ABORTED"]
    assert rule["EventPattern"]["detail"] == {"stateMachineArn": [machine], "status": ends}
    assert [(t["Arn"], t["DeadLetterConfig"]["Arn"]) for t in rule["Targets"]] == [(letters, others)]


def test_a_mediator_takes_a_flow_of_ones_own_with_its_own_catch(stack, bus, table, synthesised):
    from aws_cdk import aws_stepfunctions as sfn

    def flow(mediator):
        charge = mediator.step("charge_payment")
        return charge.add_catch(mediator.step("reject_order"), result_path="$.error").next(
            sfn.Succeed(mediator, "paid")
        )

    tables = {"payments": table}
    Mediator(stack, "M", bus=bus, steps=["charge_payment", "reject_order"], flow=flow, tables=tables)
    states = synthesised().machine()["States"]
    assert [catch["Next"] for catch in states["charge_payment"]["Catch"]] == ["reject_order"]
    assert "Catch" not in states["reject_order"]


def test_events_of_two_sources_take_a_rule_each_unless_one_matches_no_others(stack, bus, synthesised):
    bus.rules(stack, [Knocked, Rang], [])
    assert [sorted(r["EventPattern"]["source"]) for r in synthesised().rules()] == [
        ["test.bell"],
        ["test.door"],
    ]


def test_sources_that_share_their_detail_types_share_a_rule(stack, bus, synthesised):
    bus.rules(stack, [Knocked, KnockedElsewhere], [])
    (rule,) = synthesised().rules()
    assert rule["EventPattern"] == {"source": ["test.bell", "test.door"], "detail-type": ["Knocked"]}


def test_the_settings_of_a_function_and_its_channel_arrive(stack, bus, synthesised):
    from aws_cdk import Duration

    channel = queue(batch_size=1, max_concurrency=2, max_receive_count=3)
    given = {"timeout": Duration.seconds(7), "memory_mb": 512, "environment": {"A": "b"}, "tracing": False}
    Processor(stack, "P", bus=bus, function="issue_gift", channel=channel, **given)
    (function,) = (template := synthesised()).of("Lambda::Function").values()
    (mapping,) = template.of("Lambda::EventSourceMapping").values()
    assert (function["Timeout"], function["MemorySize"], function["Environment"]["Variables"]["A"]) == (7, 512, "b")
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (1, {"MaximumConcurrency": 2})
    assert 42 in [q.get("VisibilityTimeout") for q in template.of("SQS::Queue").values()]


def test_a_direct_channel_has_no_queue_but_its_dead_letters(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=direct(retry_attempts=1))
    template = synthesised()
    (config,) = template.of("Lambda::EventInvokeConfig").values()
    assert config["MaximumRetryAttempts"] == 1
    assert len(template.of("SQS::Queue")) == 2


def test_a_bus_has_its_key_its_log_and_its_alarms_where_they_are_asked_for(stack, synthesised):
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

    Bus(
        stack,
        "Bus",
        name="loud",
        encryption_key=kms.Key(stack, "Key"),
        log_events=True,
        alarm_topic=sns.Topic(stack, "Topic"),
    )
    template = synthesised()
    (bus,) = template.of("Events::EventBus").values()
    (log,) = template.of("Logs::LogGroup").values()
    assert "KmsKeyIdentifier" in bus
    assert log["LogGroupName"] == "/aws/events/loud"
    assert all(alarm["AlarmActions"] for alarm in template.of("CloudWatch::Alarm").values())


OTHER = "111122223333"


class Called(Event, source="test.phone", external=True):
    pass


def test_a_bus_accepts_from_another_account_just_what_it_says(bus, synthesised):
    bus.accept_from(OTHER, [Called])
    closed, accepted = (policy["Statement"] for policy in synthesised().of("Events::EventBusPolicy").values())
    known = closed["Condition"]["StringNotEquals"]["aws:PrincipalAccount"]
    assert known == [{"Ref": "AWS::AccountId"}, OTHER]
    assert f":iam::{OTHER}:root" in str(accepted["Principal"])
    assert accepted["Condition"]["ForAllValues:StringEquals"] == {
        "events:source": ["test.phone"],
        "events:detail-type": ["Called"],
    }


def test_a_bus_accepts_nothing_from_another_account_that_the_app_alone_says(stack, bus):
    with refuses(ClosedBus, "Knocked is said by this app alone, and 111122223333 is another account: declare"):
        bus.accept_from(OTHER, [Called, Knocked])
    with refuses(ClosedBus, "is another stack's: let 111122223333 in where the bus is made"):
        Bus(stack, "Theirs", name="theirs", existing=True).accept_from(OTHER, [Called])


def test_a_queue_in_another_region_is_out_of_reach(app):
    from aws_cdk import Environment, Stack

    stack = Stack(app, "Here", env=Environment(account="123456789012", region="eu-west-1"))
    with refuses(OutOfReach, "is in us-east-1, and a rule of eu-west-1 reaches queues of its own region alone"):
        Subscriber(
            stack,
            "Ledger",
            bus=Bus(stack, "Bus", name="here"),
            events=[Knocked],
            to=OutsideQueue("arn:aws:sqs:us-east-1:111122223333:ledger"),
        )


def test_the_rule_of_an_outside_queue_may_use_its_key_by_way_of_the_queue_alone(stack, bus, synthesised):
    key = "arn:aws:kms:us-east-1:111122223333:key/k"
    to = OutsideQueue("arn:aws:sqs:us-east-1:111122223333:ledger", key=key)
    Subscriber(stack, "Ledger", bus=bus, events=[Knocked], to=to)
    policies = synthesised().of("IAM::Policy").values()
    (use,) = [each for p in policies for each in p["PolicyDocument"]["Statement"] if each["Resource"] == key]
    assert use["Condition"] == {"StringEquals": {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}}


@pytest.mark.parametrize("form", ["OpenApi3", "JSONSchemaDraft4"])
def test_a_bus_keeps_the_schema_of_each_event_once_in_the_form_that_it_is_told(stack, synthesised, form):
    loud = Bus(stack, "Bus", name="loud", schemas=form)
    loud.rules(stack, [Knocked, Rang], [])
    loud.rules(Construct(stack, "Other"), [Rang], [])
    schemas = synthesised().of("EventSchemas::Schema").values()
    assert sorted(schema["SchemaName"] for schema in schemas) == ["test.bell@Rang", "test.door@Knocked"]
    assert {(schema["RegistryName"], schema["Type"]) for schema in schemas} == {("loud", form)}


def test_a_layer_without_its_pins_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with refuses(LayerFailed, "requirements.txt is missing"):
        build_layer("arm64")


# -- event stores, projections, changes ------------------------------------------------------------------------------


class RangOften(Event, source="test.bell"):
    times: int


@pytest.fixture
def store(stack, bus):
    made = EventStore(stack, "Store", bus=bus)
    Processor(stack, "Places", bus=bus, function="place_order", tables={"orders": made})
    return made


def test_an_event_store_is_asked_for_as_one_and_a_table_as_a_table(stack, bus, store, table):
    with refuses(MissingTable, "asks for 'orders' as EventStore, and Processor Test/P is given one to be taken as"):
        Processor(stack, "P", bus=bus, function="place_order", tables={"orders": table})
    with refuses(MissingTable, "asks for 'points' as Table, and Processor Test/Q is given one to be taken as EventSt"):
        Processor(stack, "Q", bus=bus, function="award_points", tables={"points": store})


def test_a_relay_may_publish_what_the_aggregates_of_its_store_say_and_change_no_key(stack, store, synthesised):
    template = synthesised()
    statements = template.statements(template.function("relay_store"))
    (publish,) = [s for s in statements if s["Action"] == "events:PutEvents"]
    actions = {
        action for s in statements for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    }
    assert publish["Condition"]["ForAllValues:StringEquals"]["events:detail-type"] == ["OrderPlaced"]
    assert "dynamodb:UpdateItem" in actions
    assert not {"dynamodb:PutItem", "dynamodb:DeleteItem"} & actions


def test_a_projection_of_stored_events_without_their_store_stops_the_synth(stack, bus, store, app):
    Projection(stack, "Views", bus=bus, function="view_orders")
    with pytest.raises(Exception, match="Test/Views takes OrderPlaced, which is appended to Test/Store"):
        app.synth()


@pytest.mark.parametrize(
    ("event", "with_images", "told"),
    [
        (Rang, True, "tells of 'times', and Rang has neither 'times' nor 'old_times'"),
        (RangOften, False, "the table needs stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES"),
    ],
)
def test_a_change_that_cannot_be_told_is_refused(stack, bus, event, with_images, told):
    from aws_cdk import aws_dynamodb as dynamodb

    key = dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING)
    view = dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if with_images else None
    bells = dynamodb.Table(stack, "Bells", partition_key=key, stream=view)
    with refuses(UnclearChange, told):
        Changes(stack, "Changes", bus=bus, table=bells, field="times", event=event)
