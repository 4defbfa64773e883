"""The other faces of the checks: what no broken twin shows."""

import pytest
from handmade import assembly, att, of

from millrace.events import Event
from millrace.flow.checking import findings, read_system

ANY = {"Statement": {"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": "*", "Resource": "*"}}


class Rung(Event, source="test.bell", external=True, terminal="it fades"):
    pass


@pytest.fixture
def found(tmp_path):
    """What the checks find in a stack, as (check, subject)."""

    def find(**stack):
        assembly(tmp_path, S=stack)
        return [(each.check, each.subject) for each in findings(read_system(tmp_path, [Rung], tmp_path))]

    return find


def function(**facts):
    made = of("Lambda::Function", Role=att("Role"), Timeout=3)
    declaration = {"consumes": [], "publishes": [], **facts.pop("declaration", {})}
    return {
        **made,
        "Metadata": {"millrace": {"function": "ring", "kind": "processor", "declaration": declaration, **facts}},
    }


def role(*statements):
    return of("IAM::Role", Policies=[{"PolicyDocument": {"Statement": list(statements)}}])


def letting_in(queue, *rules):
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": {"Service": "events.amazonaws.com"}}
    held = {"Condition": {"ArnEquals": {"aws:SourceArn": [att(rule) for rule in rules]}}}
    return of("SQS::QueuePolicy", Queues=[{"Ref": queue}], PolicyDocument={"Statement": statement | held})


def putting(**condition):
    return {
        "Effect": "Allow",
        "Action": "events:PutEvents",
        "Resource": "arn:bus",
        "Condition": {"StringEquals": condition},
    }


def test_a_function_that_takes_an_event_no_rule_leads_to_it(found):
    ring = function(declaration={"consumes": ["test.bell:Rung"], "publishes": []})
    assert found(Ring=ring, Role=role()) == [("unfed-subscription", "S/Ring")]


@pytest.mark.parametrize(
    "condition", [{}, {"events:source": "test.bell"}, {"events:source": "x", "events:detail-type": "Y"}]
)
def test_a_permission_to_publish_more_than_is_declared(found, condition):
    assert found(Ring=function(), Role=role(putting(**condition))) == [("wildcard-grant", "S/Ring")]


@pytest.mark.parametrize(
    ("action", "wide"), [("xray:PutTraceSegments", False), ("ssm:GetParameter", True), ("s3:Get*", True)]
)
def test_a_star_stands_only_where_aws_knows_no_resource(found, action, wide):
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
def test_a_resource_that_lets_everybody_in(found, kind, more):
    assert found(Policy=of(kind, **more)) == [("wildcard-grant", "S/Policy")]


def test_a_policy_with_a_condition_is_not_open(found):
    closed = {"Statement": {**ANY["Statement"], "Condition": {"ArnEquals": {"aws:SourceArn": "arn"}}}}
    assert found(Policy=of("SQS::QueuePolicy", PolicyDocument=closed)) == []


def test_a_stream_without_an_end_for_what_fails(found):
    mapping = of("Lambda::EventSourceMapping", FunctionName={"Ref": "Ring"}, EventSourceArn=att("Stream"))
    stream = of("Kinesis::Stream", StreamEncryption={"EncryptionType": "KMS"})
    given = found(Ring=function(), Role=role(), Stream=stream, Mapping=mapping)
    assert given == [("missing-failure-path", "S/Stream"), ("retries-outlive-retention", "S/Stream")]


def test_a_dead_letter_queue_that_keeps_no_longer_than_the_queue(found):
    queue = of("SQS::Queue", RedrivePolicy={"deadLetterTargetArn": att("Letters"), "maxReceiveCount": 3})
    assert found(Queue=queue, Letters=of("SQS::Queue")) == [("retries-outlive-retention", "S/Letters")]


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
def test_a_store_is_encrypted_unless_it_is_told_not_to_be(found, kind, given, open_):
    assert found(Store=of(kind, **given)) == ([("unencrypted-store", "S/Store")] if open_ else [])


def test_an_allowed_circle_that_is_none(found):
    ring = function(allow_cycle={"reason": "It ends.", "max_hops": 3})
    assert found(Ring=ring, Role=role()) == [("unused-acknowledgement", "S/Ring")]


class Opened(Event, source="test.door", external=True):
    pass


@pytest.mark.parametrize(
    ("target", "unconsumed"),
    [
        (of("Events::ApiDestination"), False),
        (of("Logs::LogGroup", LogGroupName="all"), True),
        (of("Events::EventBus", Name="theirs"), False),
    ],
)
def test_a_sink_consumes_an_event_and_a_log_does_not(tmp_path, target, unconsumed):
    pattern = {"source": ["test.door"]}
    keeping = {"Id": "T", "Arn": att("To"), "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:1:letters"}}
    assembly(tmp_path, S={"To": target, "Rule": of("Events::Rule", EventPattern=pattern, Targets=[keeping])})
    found = findings(read_system(tmp_path, [Opened], tmp_path))
    assert [each.check for each in found] == ["unconsumed-event"] * unconsumed


@pytest.mark.parametrize(
    ("statuses", "checks"),
    [(["FAILED", "TIMED_OUT", "ABORTED"], []), (["FAILED"], ["missing-failure-path"]), (None, [])],
)
def test_a_machine_is_to_have_a_rule_for_every_way_in_which_an_execution_fails(found, statuses, checks):
    detail = {"stateMachineArn": [{"Ref": "Machine"}], **({"status": statuses} if statuses else {})}
    letters = {"Id": "T", "Arn": att("Letters"), "DeadLetterConfig": {"Arn": att("Letters")}}
    rule = of("Events::Rule", EventPattern={"source": ["aws.states"], "detail": detail}, Targets=[letters])
    machine = of("StepFunctions::StateMachine", DefinitionString='{"StartAt": "A", "States": {}}')
    queue = of("SQS::Queue", SqsManagedSseEnabled=True, MessageRetentionPeriod=1_209_600)
    given = found(Machine=machine, Rule=rule, Letters=queue, Policy=letting_in("Letters", "Rule"))
    assert [check for check, _ in given] == checks


@pytest.mark.parametrize(("days", "checks"), [(13, ["short-idempotency"]), (14, [])])
def test_a_step_is_to_be_known_for_as_long_as_its_execution_can_be_redriven(found, days, checks):
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
        (900, {"MaximumRetryAttempts": 0}, False),  # a crash is a dead letter, whatever the record says
    ],
)
def test_asynchronous_retries_are_to_outlast_the_record_in_progress(found, timeout, config, short):
    ring = holding(timeout)
    rule = of("Events::Rule", EventPattern={"source": ["test.bell"]}, Targets=[{"Id": "T", "Arn": att("Ring")}])
    given = found(
        Ring=ring, Role=role(), Rule=rule, C=of("Lambda::EventInvokeConfig", FunctionName={"Ref": "Ring"}, **config)
    )
    assert (("short-retries", "S/Ring") in given) is short


@pytest.mark.parametrize(("timeout", "receives", "short"), [(119, 5, False), (120, 5, True), (900, 1, False)])
def test_the_retries_of_a_queue_are_to_outlast_the_record_in_progress(found, timeout, receives, short):
    redrive = {"deadLetterTargetArn": att("Letters"), "maxReceiveCount": receives}
    queue = of("SQS::Queue", VisibilityTimeout=30, RedrivePolicy=redrive)
    mapping = of("Lambda::EventSourceMapping", EventSourceArn=att("Queue"), FunctionName={"Ref": "Ring"})
    given = found(Ring=holding(timeout), Role=role(), Queue=queue, Letters=of("SQS::Queue"), Mapping=mapping)
    assert (("short-retries", "S/Ring") in given) is short


def holding(timeout):
    """A function that keeps records, with a timeout."""
    ring = function()
    ring["Properties"] |= {
        "Timeout": timeout,
        "Environment": {"Variables": {"MILLRACE_IDEMPOTENCY_SECONDS": "1728000"}},
    }
    return ring


def test_a_schedule_delivers_and_keeps_what_it_cannot(found):
    schedule = of("Scheduler::Schedule", Target={"Arn": att("Ring")})
    config = of("Lambda::EventInvokeConfig", FunctionName={"Ref": "Ring"}, DestinationConfig={"OnFailure": {}})
    given = found(Ring=function(), Role=role(), Schedule=schedule, Config=config)
    assert given == [("missing-failure-path", "S/Schedule")]


@pytest.mark.parametrize(
    ("policies", "lost"),
    [
        ({}, True),
        ({"Policy": letting_in("Letters", "Other")}, True),
        ({"Policy": letting_in("Work", "Rule")}, True),
        ({"Policy": letting_in("Letters", "Other", "Rule")}, False),
    ],
)
def test_a_dead_letter_queue_that_does_not_let_its_rule_in(found, policies, lost):
    target = {"Id": "T", "Arn": att("Work"), "DeadLetterConfig": {"Arn": att("Letters")}}
    rule, other = (of("Events::Rule", EventPattern={"source": ["test.bell"]}, Targets=to) for to in ([target], []))
    given = found(Rule=rule, Other=other, Letters=of("SQS::Queue"), Work=of("SQS::Queue"), **policies)
    assert (("missing-failure-path", "S/Rule") in given) is lost
