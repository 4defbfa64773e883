"""Cases of the checks that the broken apps do not cover."""

import pytest
from handmade import assembly, att, of
from pydantic import Field

from millrace.events import Event
from millrace.flow.checking import findings, read_system

ANY = {"Statement": {"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": "*", "Resource": "*"}}


def function(**facts):
    made = of("Lambda::Function", Role=att("Role"), Timeout=3)
    declaration = {"consumes": [], "publishes": [], **facts.pop("declaration", {})}
    return {
        **made,
        "Metadata": {"millrace": {"function": "ring", "kind": "processor", "declaration": declaration, **facts}},
    }


def role(*statements):
    return of("IAM::Role", Policies=[{"PolicyDocument": {"Statement": list(statements)}}])


def allowing(queue, *rules):
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": {"Service": "events.amazonaws.com"}}
    held = {"Condition": {"ArnEquals": {"aws:SourceArn": [att(rule) for rule in rules]}}}
    return of("SQS::QueuePolicy", Queues=[{"Ref": queue}], PolicyDocument={"Statement": statement | held})


def publishing(**condition):
    return {
        "Effect": "Allow",
        "Action": "events:PutEvents",
        "Resource": "arn:bus",
        "Condition": {"StringEquals": condition},
    }


def test_function_without_a_rule_for_its_event(found):
    ring = function(declaration={"consumes": ["test.bell:Rung"], "publishes": []})
    assert found(Ring=ring, Role=role()) == [("unfed-subscription", "S/Ring")]


@pytest.mark.parametrize(
    "condition", [{}, {"events:source": "test.bell"}, {"events:source": "x", "events:detail-type": "Y"}]
)
def test_permission_to_publish_undeclared_events(found, condition):
    assert found(Ring=function(), Role=role(publishing(**condition))) == [("wildcard-grant", "S/Ring")]


@pytest.mark.parametrize(
    ("action", "wide"), [("xray:PutTraceSegments", False), ("ssm:GetParameter", True), ("s3:Get*", True)]
)
def test_wildcard_resource_is_accepted_only_where_aws_supports_no_other(found, action, wide):
    given = found(Role=role({"Effect": "Allow", "Action": action, "Resource": "*"}))
    assert given == ([("wildcard-grant", "S/Role")] if wide else [])


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("SQS::QueuePolicy", {"PolicyDocument": ANY}),
        ("SNS::TopicPolicy", {"PolicyDocument": ANY}),
        ("Lambda::Permission", {"Principal": "*", "Action": "lambda:InvokeFunction"}),
    ],
)
def test_resource_policy_that_allows_everyone(found, kind, more):
    assert found(Policy=of(kind, **more)) == [("wildcard-grant", "S/Policy")]


def test_resource_policy_with_a_condition_is_no_finding(found):
    closed = {"Statement": {**ANY["Statement"], "Condition": {"ArnEquals": {"aws:SourceArn": "arn"}}}}
    assert found(Policy=of("SQS::QueuePolicy", PolicyDocument=closed)) == []


def test_stream_without_a_failure_destination(found):
    mapping = of("Lambda::EventSourceMapping", FunctionName={"Ref": "Ring"}, EventSourceArn=att("Stream"))
    stream = of("Kinesis::Stream", StreamEncryption={"EncryptionType": "KMS"})
    given = found(Ring=function(), Role=role(), Stream=stream, Mapping=mapping)
    assert given == [("missing-failure-path", "S/Stream"), ("retries-outlive-retention", "S/Stream")]


def test_dead_letter_queue_with_the_retention_of_its_source(found):
    queue = of("SQS::Queue", RedrivePolicy={"deadLetterTargetArn": att("DeadLetters"), "maxReceiveCount": 3})
    assert found(Queue=queue, DeadLetters=of("SQS::Queue")) == [("retries-outlive-retention", "S/DeadLetters")]


@pytest.mark.parametrize(
    ("kind", "given", "open_"),
    [
        ("SQS::Queue", {}, False),
        ("SQS::Queue", {"SqsManagedSseEnabled": False}, True),
        ("SQS::Queue", {"SqsManagedSseEnabled": False, "KmsMasterKeyId": "k"}, False),
        ("SNS::Topic", {}, True),
        ("SNS::Topic", {"KmsMasterKeyId": "k"}, False),
    ],
)
def test_store_without_encryption(found, kind, given, open_):
    assert found(Store=of(kind, **given)) == ([("unencrypted-store", "S/Store")] if open_ else [])


def test_allow_cycle_outside_a_cycle(found):
    ring = function(allow_cycle={"reason": "It ends.", "max_hops": 3})
    assert found(Ring=ring, Role=role()) == [("unused-acknowledgement", "S/Ring")]


class Opened(Event, source="test.gate", external=True):
    pass


@pytest.mark.parametrize(
    ("target", "unconsumed"),
    [
        (of("Events::ApiDestination"), False),
        (of("Logs::LogGroup", LogGroupName="all"), True),
        (of("Events::EventBus", Name="theirs"), False),
    ],
)
def test_sink_consumes_an_event_and_a_log_does_not(tmp_path, target, unconsumed):
    pattern = {"source": ["test.gate"]}
    keeping = {"Id": "T", "Arn": att("To"), "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:1:dead-letters"}}
    assembly(tmp_path, S={"To": target, "Rule": of("Events::Rule", EventPattern=pattern, Targets=[keeping])})
    found = findings(read_system(tmp_path, [Opened], tmp_path))
    assert [each.check for each in found] == ["unconsumed-event"] * unconsumed


@pytest.mark.parametrize(
    ("statuses", "checks"),
    [(["FAILED", "TIMED_OUT", "ABORTED"], []), (["FAILED"], ["missing-failure-path"]), (None, [])],
)
def test_machine_needs_a_rule_for_every_failure_status(found, statuses, checks):
    detail = {"stateMachineArn": [{"Ref": "Machine"}], **({"status": statuses} if statuses else {})}
    target = {"Id": "T", "Arn": att("DeadLetters"), "DeadLetterConfig": {"Arn": att("DeadLetters")}}
    rule = of("Events::Rule", EventPattern={"source": ["aws.states"], "detail": detail}, Targets=[target])
    machine = of("StepFunctions::StateMachine", DefinitionString='{"StartAt": "A", "States": {}}')
    queue = of("SQS::Queue", SqsManagedSseEnabled=True, MessageRetentionPeriod=1_209_600)
    given = found(Machine=machine, Rule=rule, DeadLetters=queue, Policy=allowing("DeadLetters", "Rule"))
    assert [check for check, _ in given] == checks


@pytest.mark.parametrize(("days", "checks"), [(13, ["short-idempotency"]), (14, [])])
def test_idempotency_window_covers_redrives_of_executions(found, days, checks):
    ring = function()
    ring["Properties"]["Environment"] = {"Variables": {"MILLRACE_IDEMPOTENCY_SECONDS": str(days * 86_400)}}
    states = {"A": {"Type": "Task", "Resource": att("Ring"), "End": True}}
    machine = of("StepFunctions::StateMachine", Definition={"StartAt": "A", "States": states})
    assert [check for check, _ in found(Ring=ring, Role=role(), Machine=machine) if "idem" in check] == checks


@pytest.mark.parametrize(
    ("timeout", "config", "short"),
    [
        (179, {}, False),
        (180, {}, True),
        (60, {"MaximumRetryAttempts": 1}, True),
        (60, {"MaximumEventAgeInSeconds": 179}, True),
        (60, {"MaximumEventAgeInSeconds": 180}, False),
        (900, {"MaximumRetryAttempts": 0}, False),  # without retries, the record does not matter
    ],
)
def test_asynchronous_retries_must_outlast_the_record_in_progress(found, timeout, config, short):
    ring = holding(timeout)
    rule = of("Events::Rule", EventPattern={"source": ["test.bell"]}, Targets=[{"Id": "T", "Arn": att("Ring")}])
    given = found(
        Ring=ring, Role=role(), Rule=rule, C=of("Lambda::EventInvokeConfig", FunctionName={"Ref": "Ring"}, **config)
    )
    assert (("short-retries", "S/Ring") in given) is short


@pytest.mark.parametrize(("timeout", "receives", "short"), [(119, 5, False), (120, 5, True), (900, 1, False)])
def test_queue_retries_must_outlast_the_record_in_progress(found, timeout, receives, short):
    redrive = {"deadLetterTargetArn": att("DeadLetters"), "maxReceiveCount": receives}
    queue = of("SQS::Queue", VisibilityTimeout=30, RedrivePolicy=redrive)
    mapping = of("Lambda::EventSourceMapping", EventSourceArn=att("Queue"), FunctionName={"Ref": "Ring"})
    given = found(Ring=holding(timeout), Role=role(), Queue=queue, DeadLetters=of("SQS::Queue"), Mapping=mapping)
    assert (("short-retries", "S/Ring") in given) is short


def holding(timeout):
    """A function that keeps records, with a timeout."""
    ring = function()
    ring["Properties"] |= {
        "Timeout": timeout,
        "Environment": {"Variables": {"MILLRACE_IDEMPOTENCY_SECONDS": "1728000"}},
    }
    return ring


def test_schedule_without_a_dead_letter_queue(found):
    schedule = of("Scheduler::Schedule", Target={"Arn": att("Ring")})
    config = of("Lambda::EventInvokeConfig", FunctionName={"Ref": "Ring"}, DestinationConfig={"OnFailure": {}})
    given = found(Ring=function(), Role=role(), Schedule=schedule, Config=config)
    assert given == [("missing-failure-path", "S/Schedule")]


@pytest.mark.parametrize(
    ("policies", "lost"),
    [
        ({}, True),
        ({"Policy": allowing("DeadLetters", "Other")}, True),
        ({"Policy": allowing("Work", "Rule")}, True),
        ({"Policy": allowing("DeadLetters", "Other", "Rule")}, False),
    ],
)
def test_dead_letter_queue_that_denies_its_rule(found, policies, lost):
    target = {"Id": "T", "Arn": att("Work"), "DeadLetterConfig": {"Arn": att("DeadLetters")}}
    rule, other = (of("Events::Rule", EventPattern={"source": ["test.bell"]}, Targets=to) for to in ([target], []))
    given = found(Rule=rule, Other=other, DeadLetters=of("SQS::Queue"), Work=of("SQS::Queue"), **policies)
    assert (("missing-failure-path", "S/Rule") in given) is lost


class Pealed(Event, source="test.bell"):
    melody: str = Field(max_length=300_000)


@pytest.mark.parametrize(("target", "oversized"), [("Work", False), ("Machine", True)])
def test_contract_above_256_kib_is_oversized_for_a_state_machine(tmp_path, target, oversized):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    states = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    machine = of("StepFunctions::StateMachine", Definition=states)
    rule = of("Events::Rule", EventPattern={"source": ["test.bell"]}, Targets=[{"Id": "T", "Arn": att(target)}])
    assembly(tmp_path, S={"Rule": rule, "Machine": machine, "Work": of("SQS::Queue")})
    given = [each.check for each in findings(read_system(tmp_path, [Pealed], tmp_path))]
    assert ("oversized-contract" in given) is oversized


def test_a_note_does_not_stop_a_synth():
    from millrace.flow.checking import stops_synth
    from millrace.flow.findings import Finding

    assert not stops_synth(Finding("S", "", "", check="stack-quotas"))
    assert stops_synth(Finding("S", "", "", check="cycle"))


def test_two_functions_of_one_handler_receive_the_same_event(found):
    consumed = {"consumes": ["test.bell:Rung"], "publishes": []}
    rules = {
        name: of("Events::Rule", EventBusName="own", EventPattern={"source": ["test.bell"]}, Targets=[{"Arn": att(to)}])
        for name, to in (("ToRing", "Ring"), ("ToEcho", "Echo"))
    }
    stack = {"Ring": function(declaration=consumed), "Echo": function(declaration=consumed), "Role": role(), **rules}
    bus = of("Events::EventBus", Name="own")
    assert ("double-delivery", "S/Echo") in found(Bus=bus, **stack)
    rules["ToEcho"]["Properties"]["EventBusName"] = "other"
    assert ("double-delivery", "S/Echo") not in found(Bus=bus, **stack | rules)
