"""Delivery to each kind of target."""

import json

import pytest
from bus_kit import ACCOUNT, attributes, entry, executions, policy

pytest_plugins = ["bus_fixtures"]


def test_fifo_queue_receives_events_in_message_group(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html"""
    observer = queue("orders.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    rule(observer.arn, SqsParameters={"MessageGroupId": "all"})
    send({"n": 1}, {"n": 2})
    messages = observer.messages()
    assert [message["Attributes"]["MessageGroupId"] for message in messages] == ["all", "all"]


def test_fifo_queue_requires_content_based_deduplication(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html"""
    observer, dead = queue("orders.fifo", FifoQueue="true"), queue("dead")
    rule(observer.arn, SqsParameters={"MessageGroupId": "all"}, DeadLetterConfig={"Arn": dead.arn})
    send({})
    assert observer.messages() == []
    assert attributes(dead.messages()[0])["ERROR_CODE"] == "INVALID_PARAMETER"


def test_event_sent_to_another_bus_is_unchanged(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html"""
    arn = events.create_event_bus(Name="second")["EventBusArn"]
    first, second = queue("first"), queue("second")
    rule(first.arn)
    rule(second.arn, bus="second")
    rule(arn, name="forward")
    send(entry({"n": 1}, Resources=["arn:aws:s3:::a"], Time=1_700_000_000))
    assert first.events() == second.events() != []


def test_event_is_sent_to_one_other_bus_only(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html"""
    second, third = (events.create_event_bus(Name=name)["EventBusArn"] for name in ("second", "third"))
    dead, observer = queue("dead"), queue("observer")
    rule(second, name="forward")
    rule(third, bus="second", DeadLetterConfig={"Arn": dead.arn})
    rule(observer.arn, bus="third")
    event_id = send({})["Entries"][0]["EventId"]
    details = attributes(dead.messages()[0])
    assert details["ERROR_CODE"] == "THIRD_ACCOUNT_HOP_DETECTED"
    assert event_id in details["ERROR_MESSAGE"]
    assert observer.messages() == []


@pytest.fixture
def log_lines(local):
    logs = local.client("logs")
    logs.create_log_group(logGroupName="/aws/events/observer")
    document = policy("logs:CreateLogStream", "logs:PutLogEvents")
    logs.put_resource_policy(policyName="rules", policyDocument=document)
    return lambda: logs.filter_log_events(logGroupName="/aws/events/observer")["events"]


LOG_GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/events/observer"


@pytest.mark.parametrize("arn", [LOG_GROUP, f"{LOG_GROUP}:*"])
def test_log_group_receives_event_as_log_event(send, rule, log_lines, arn):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    rule(arn)
    event_id = send({"n": 1})["Entries"][0]["EventId"]
    assert [json.loads(line["message"])["id"] for line in log_lines()] == [event_id]


def test_template_can_set_timestamp_and_message_of_log_event(local, send, rule, log_lines):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-examples"""
    paths = {"at": "$.detail.at", "n": "$.detail.n"}
    rule(
        LOG_GROUP, InputTransformer={"InputPathsMap": paths, "InputTemplate": '{"timestamp":<at>,"message":"n is <n>"}'}
    )
    at = int(local.scheduler.clock.now() * 1000) - 5000
    send({"at": at, "n": 3})
    assert [(line["timestamp"], line["message"]) for line in log_lines()] == [(at, "n is 3")]


def test_topic_receives_event_as_message(local, send, queue, rule, topic):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    arn, observer = topic(), queue()
    local.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=observer.arn)
    rule(arn, InputPath="$.detail")
    send({"n": 1})
    assert [json.loads(event["Message"]) for event in observer.events()] == [{"n": 1}]


@pytest.fixture
def records(local):
    kinesis = local.client("kinesis")
    kinesis.create_stream(StreamName="stream", ShardCount=1)

    def read():
        shard = {"StreamName": "stream", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
        return kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**shard)["ShardIterator"])["Records"]

    return read


STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/stream"


def test_stream_record_has_event_id_as_partition_key(send, rule, records):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_KinesisParameters.html"""
    rule(STREAM)
    event_id = send({"n": 1})["Entries"][0]["EventId"]
    (record,) = records()
    assert record["PartitionKey"] == event_id
    assert json.loads(record["Data"])["detail"] == {"n": 1}


def test_stream_record_uses_partition_key_path(send, rule, records):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_KinesisParameters.html"""
    rule(STREAM, KinesisParameters={"PartitionKeyPath": "$.detail.order"}, InputPath="$.detail")
    send({"order": "o-1"})
    (record,) = records()
    assert (record["PartitionKey"], json.loads(record["Data"])) == ("o-1", {"order": "o-1"})


@pytest.fixture
def machine(local):
    role = local.client("iam").create_role(RoleName="states", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    definition = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}
    made = local.client("stepfunctions").create_state_machine(
        name="machine", definition=json.dumps(definition), roleArn=role
    )
    return made["stateMachineArn"]


def test_state_machine_execution_has_event_as_input_and_its_id_in_name(local, send, rule, machine):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    rule(machine, pattern={"source": ["shop.orders"]})  # other patterns match the execution's own events
    event_id = send({"n": 1})["Entries"][0]["EventId"]
    (execution,) = executions(local, machine)
    assert execution["name"].startswith(f"{event_id}_")
    assert json.loads(execution["input"])["detail"] == {"n": 1}


def test_two_rules_start_two_executions_for_one_event(local, send, rule, machine):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html"""
    rule(machine, name="one", pattern={"source": ["shop.orders"]})
    rule(machine, name="two", pattern={"source": ["shop.orders"]})
    send({})
    assert len(executions(local, machine)) == 2


def test_target_in_an_unsupported_service_is_rejected(events, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
    Refused: targets of other services, when they are added to a rule.
    """
    with pytest.raises(events.exceptions.ClientError, match="not to codebuild"):
        rule(f"arn:aws:codebuild:us-east-1:{ACCOUNT}:project/p")
