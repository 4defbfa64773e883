"""Each kind of target, as EventBridge reaches it."""

import json

import pytest
from bus_kit import ACCOUNT, attributes, entry, policy

pytest_plugins = ["bus_fixtures"]


def test_a_fifo_queue_gets_events_in_the_group_of_the_target(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html"""
    seen = queue("orders.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    rule(seen.arn, SqsParameters={"MessageGroupId": "all"})
    send({"n": 1}, {"n": 2})
    messages = seen.messages()
    assert [message["Attributes"]["MessageGroupId"] for message in messages] == ["all", "all"]


def test_a_fifo_queue_without_content_based_deduplication_gets_nothing(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html"""
    seen, dead = queue("orders.fifo", FifoQueue="true"), queue("dead")
    rule(seen.arn, SqsParameters={"MessageGroupId": "all"}, DeadLetterConfig={"Arn": dead.arn})
    send({})
    assert seen.messages() == []
    assert attributes(dead.messages()[0])["ERROR_CODE"] == "INVALID_PARAMETER"


def test_an_event_that_goes_from_bus_to_bus_stays_whole(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html"""
    arn = events.create_event_bus(Name="second")["EventBusArn"]
    first, second = queue("first"), queue("second")
    rule(first.arn)
    rule(second.arn, bus="second")
    rule(arn, name="onward")
    send(entry({"n": 1}, Resources=["arn:aws:s3:::a"], Time=1_700_000_000))
    assert first.events() == second.events() != []


def test_an_event_goes_on_to_a_second_bus_and_not_to_a_third(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html"""
    second, third = (events.create_event_bus(Name=name)["EventBusArn"] for name in ("second", "third"))
    dead, seen = queue("dead"), queue("seen")
    rule(second, name="onward")
    rule(third, bus="second", DeadLetterConfig={"Arn": dead.arn})
    rule(seen.arn, bus="third")
    event_id = send({})["Entries"][0]["EventId"]
    told = attributes(dead.messages()[0])
    assert told["ERROR_CODE"] == "THIRD_ACCOUNT_HOP_DETECTED"
    assert event_id in told["ERROR_MESSAGE"]
    assert seen.messages() == []


@pytest.fixture
def log_lines(local):
    logs = local.client("logs")
    logs.create_log_group(logGroupName="/aws/events/seen")
    document = policy("logs:CreateLogStream", "logs:PutLogEvents")
    logs.put_resource_policy(policyName="rules", policyDocument=document)
    return lambda: logs.filter_log_events(logGroupName="/aws/events/seen")["events"]


LOG_GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/events/seen"


@pytest.mark.parametrize("arn", [LOG_GROUP, f"{LOG_GROUP}:*"])
def test_a_log_group_gets_the_event_as_a_line(send, rule, log_lines, arn):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    rule(arn)
    event_id = send({"n": 1})["Entries"][0]["EventId"]
    assert [json.loads(line["message"])["id"] for line in log_lines()] == [event_id]


def test_a_template_of_timestamp_and_message_makes_both_of_a_log_line(local, send, rule, log_lines):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-examples"""
    paths = {"at": "$.detail.at", "n": "$.detail.n"}
    rule(
        LOG_GROUP, InputTransformer={"InputPathsMap": paths, "InputTemplate": '{"timestamp":<at>,"message":"n is <n>"}'}
    )
    at = int(local.scheduler.clock.now() * 1000) - 5000
    send({"at": at, "n": 3})
    assert [(line["timestamp"], line["message"]) for line in log_lines()] == [(at, "n is 3")]


def test_a_topic_gets_the_event_as_its_message(local, send, queue, rule, topic):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    arn, seen = topic(), queue()
    local.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=seen.arn)
    rule(arn, InputPath="$.detail")
    send({"n": 1})
    assert [json.loads(event["Message"]) for event in seen.events()] == [{"n": 1}]


@pytest.fixture
def records(local):
    kinesis = local.client("kinesis")
    kinesis.create_stream(StreamName="stream", ShardCount=1)

    def read():
        shard = {"StreamName": "stream", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
        return kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**shard)["ShardIterator"])["Records"]

    return read


STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/stream"


def test_a_stream_gets_the_event_under_its_id(send, rule, records):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_KinesisParameters.html"""
    rule(STREAM)
    event_id = send({"n": 1})["Entries"][0]["EventId"]
    (record,) = records()
    assert record["PartitionKey"] == event_id
    assert json.loads(record["Data"])["detail"] == {"n": 1}


def test_a_stream_gets_the_event_under_the_key_at_its_path(send, rule, records):
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


def executions(local, machine):
    stepfunctions = local.client("stepfunctions")
    found = stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    return [stepfunctions.describe_execution(executionArn=one["executionArn"]) for one in found]


def test_a_state_machine_is_started_with_the_event_and_named_after_its_id(local, send, rule, machine):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    rule(machine, pattern={"source": ["shop.orders"]})  # one that matches anything hears of the execution, too
    event_id = send({"n": 1})["Entries"][0]["EventId"]
    (execution,) = executions(local, machine)
    assert execution["name"].startswith(f"{event_id}_")
    assert json.loads(execution["input"])["detail"] == {"n": 1}


def test_two_rules_start_two_executions_of_one_event(local, send, rule, machine):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html"""
    rule(machine, name="one", pattern={"source": ["shop.orders"]})
    rule(machine, name="two", pattern={"source": ["shop.orders"]})
    send({})
    assert len(executions(local, machine)) == 2


def test_a_target_that_the_local_cloud_does_not_know_is_refused_by_name(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
    Refused: targets of other services; their events become dead letters at once.
    """
    dead = queue("dead")
    rule(f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/d", DeadLetterConfig={"Arn": dead.arn})
    send({})
    told = attributes(dead.messages()[0])
    assert told["ERROR_CODE"] == "NOT_DELIVERED_LOCALLY"
    assert "not to firehose" in told["ERROR_MESSAGE"]
