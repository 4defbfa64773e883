"""EventBridge Pipes: sources, filters, enrichment, input templates and targets."""

import json

import pytest
from botocore.exceptions import ClientError
from lambda_kit import LAMBDA

pytest_plugins = ["lambda_fixtures"]


@pytest.fixture
def pipe(site):
    """Create a pipe."""

    def create(source, target, **more):
        return site.client("pipes").create_pipe(Name="p", Source=source, Target=target, RoleArn=site.role, **more)

    return create


def template(text, **more):
    return {"TargetParameters": {"InputTemplate": text, **more}}


def matching(**pattern):
    return {"FilterCriteria": {"Filters": [{"Pattern": json.dumps(pattern)}]}}


def bodies(queue):
    return [json.loads(message["Body"]) for message in queue.receive()]


def test_filter_drops_events_that_no_pattern_matches(site, pipe):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-filtering.html"""
    source, target = site.queue("source"), site.queue("target")
    pipe(source.arn, target.arn, SourceParameters=matching(body={"n": [1]}), **template("<$.body>"))
    source.send('{"n": 1}', '{"n": 2}')
    site.settle()
    assert bodies(target) == [{"n": 1}]
    assert source.count() == (0, 0)


def test_function_receives_a_batch_as_an_array(site, pipe):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html"""
    source, function = site.queue("source"), site.function("f")
    source.send("1", "2")
    pipe(source.arn, function)
    site.settle()
    (batch,) = site.seen("f")
    assert [event["body"] for event in batch] == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<$.body.key>", '"a"'),
        ("Hello, <$.body.key>", "Hello, a"),
        ('{"k": <$.body.key>, "text": "<$.body.key>!"}', '{"k":"a","text":"a!"}'),
        ('{"pipe": "<aws.pipes.pipe-name>", "all": <$.body>}', '{"pipe":"p","all":{"key":"a"}}'),
        ('{"none": <$.body.other>}', '{"none":""}'),
    ],
)
def test_input_template(site, pipe, text, expected):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html"""
    source, target = site.queue("source"), site.queue("target")
    pipe(source.arn, target.arn, **template(text))
    source.send('{"key": "a"}')
    site.settle()
    assert [message["Body"] for message in target.receive()] == [expected]


def test_enrichment_replaces_the_events(site, pipe):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/pipes-enrichment.html"""
    source, target = site.queue("source"), site.queue("target")
    site.function("more", "return [{'n': int(each['body']), 'part': part} for each in event for part in 'ab']")
    pipe(source.arn, target.arn, Enrichment=LAMBDA + "more")
    source.send("1")
    site.settle()
    assert bodies(target) == [{"n": 1, "part": "a"}, {"n": 1, "part": "b"}]


@pytest.mark.parametrize("empty", ["[]", "{}", "''"])
def test_empty_response_of_the_enrichment_skips_the_target(site, pipe, empty):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/pipes-enrichment.html"""
    source, target = site.queue("source"), site.queue("target")
    site.function("none", f"return {empty}")
    pipe(source.arn, target.arn, Enrichment=LAMBDA + "none")
    source.send("1")
    site.settle()
    assert target.count() == source.count() == (0, 0)


def test_partial_batch_response_keeps_the_failed_messages(site, pipe):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html"""
    dead = site.queue("dead")
    source = site.queue("source", RedrivePolicy=site.redrive(dead, 2))
    report = "[{'itemIdentifier': e['messageId']} for e in event if e['body'] == 'bad']"
    site.function("f", f"return {{'batchItemFailures': {report}}}")
    source.send("good", "bad")
    pipe(source.arn, LAMBDA + "f")
    site.settle()
    assert [message["Body"] for message in dead.receive()] == ["bad"]
    assert [len(batch) for batch in site.seen("f")] == [2, 1]


def test_stream_retries_from_the_event_that_the_target_reports(site, pipe):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html"""
    stream, dead = site.stream("s"), site.queue("dead")
    site.function("f", "return {'batchItemFailures': [{'itemIdentifier': event[-1]['eventID']}]}")
    stream.put("1", "2")
    limits = {"MaximumRetryAttempts": 1, "DeadLetterConfig": {"Arn": dead.arn}, "StartingPosition": "TRIM_HORIZON"}
    created = pipe(stream.arn, LAMBDA + "f", SourceParameters={"KinesisStreamParameters": limits})
    site.settle()
    (dead_letter,) = bodies(dead)
    assert dead_letter["context"] == {"partnerResourceArn": created["Arn"], "condition": "RetryAttemptsExhausted"}
    assert dead_letter["KinesisBatchInfo"]["batchSize"] == 1


def test_kinesis_record_is_flat(site, pipe):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kinesis.html"""
    stream, function = site.stream("s"), site.function("f")
    stream.put('{"n": 1}')
    position = {"KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON"}}
    pipe(stream.arn, function, SourceParameters=position | matching(data={"n": [1]}), **template('{"n": <$.data.n>}'))
    site.settle()
    assert site.seen("f") == [[{"n": 1}]]


def test_bus_receives_events_with_resolved_parameters(site, pipe):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-target.html"""
    source, target, events = site.queue("source"), site.queue("target", Policy=""), site.client("events")
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": target.arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    site.client("sqs").set_queue_attributes(QueueUrl=target.url, Attributes={"Policy": document})
    events.put_rule(Name="r", EventPattern=json.dumps({"detail-type": ["placed"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": target.arn}])
    bus = {"EventBridgeEventBusParameters": {"Source": "shop", "DetailType": "$.body.kind"}}
    pipe(source.arn, events.describe_event_bus()["Arn"], **template("<$.body>", **bus))
    source.send('{"kind": "placed"}')
    site.settle()
    ((source_name, detail),) = [(event["source"], event["detail"]) for event in bodies(target)]
    assert (source_name, detail) == ("shop", {"kind": "placed"})


def test_stopped_pipe_leaves_messages_in_the_queue(site, pipe):
    """https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_StopPipe.html"""
    source, target = site.queue("source"), site.queue("target")
    pipe(source.arn, target.arn, DesiredState="STOPPED")
    source.send("1")
    site.settle()
    assert source.count() == (1, 0)
    site.client("pipes").start_pipe(Name="p")
    site.settle()
    assert target.count() == (1, 0)


def test_pipe_needs_permissions_of_its_role(site, pipe):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html"""
    dead = site.queue("dead")
    source, target = site.queue("source", RedrivePolicy=site.redrive(dead, 1)), site.queue("target")
    site.client("iam").delete_role_policy(RoleName="any", PolicyName="all")
    pipe(source.arn, target.arn)
    source.send("1")
    site.settle()
    assert (target.count(), dead.count()) == ((0, 0), (1, 0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"Source": "arn:aws:mq:us-east-1:123456789012:broker:b"},
        {"Source": "arn:aws:kinesis:us-east-1:123456789012:stream/s"},
        {"Target": "arn:aws:ecs:us-east-1:123456789012:cluster/c"},
        {"Enrichment": "arn:aws:sqs:us-east-1:123456789012:q"},
        {"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "no JSON"}]}}},
    ],
)
def test_invalid_pipe_is_rejected(site, wrong):
    """https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_CreatePipe.html
    Refused: sources other than queues and streams, and targets that rules do not have.
    """
    valid = {"Name": "p", "Source": site.queue("q").arn, "Target": site.queue("t").arn, "RoleArn": site.role}
    with pytest.raises(ClientError, match="ValidationException"):
        site.client("pipes").create_pipe(**valid | wrong)
