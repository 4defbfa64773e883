"""Schedules, subscription filters and an IoT rule."""

import base64
import gzip
import json

HOUR = 3601


def records(strangers, stack):
    """Return the data of the records that the function of a stack has read."""
    found = [
        record["kinesis"]["data"] for event in strangers.seen(strangers.output(stack)) for record in event["Records"]
    ]
    return [base64.b64decode(data) for data in found]


def write_log(strangers, stack, *messages):
    """Write lines to the log group of a stack."""
    logs, group = strangers.client("logs"), strangers.output(stack, "Group")
    now = int(strangers.cloud.scheduler.clock.now() * 1000)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    lines = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=lines)
    strangers.settle()


def test_schedule_to_function(strangers):
    strangers.pass_time(HOUR)
    assert {"n": 1} in strangers.seen(strangers.output("ScheduleToFunction"))


def test_schedule_to_topic(strangers):
    strangers.pass_time(HOUR)
    assert {"n": 1} in strangers.bodies(strangers.output("ScheduleToTopic", "Queue"))


def test_schedule_to_stream(strangers):
    strangers.pass_time(HOUR)
    assert b'{"n":1}' in records(strangers, "ScheduleToStream")


def test_schedule_to_state_machine(strangers):
    strangers.pass_time(HOUR)
    machine = strangers.output("ScheduleToStateMachine", "Machine")
    found = strangers.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert {each["status"] for each in found} == {"SUCCEEDED"}


def test_schedule_to_bus(strangers):
    strangers.pass_time(HOUR)
    event = strangers.bodies(strangers.output("ScheduleToBus", "Queue"))[0]
    assert (event["source"], event["detail-type"], event["detail"]) == ("hourly", "due", {"n": 1})


def test_log_group_to_function(strangers):
    write_log(strangers, "LogGroupToFunction", "fine", "ERROR 7")
    (event,) = strangers.seen(strangers.output("LogGroupToFunction"))
    found = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    assert [line["message"] for line in found["logEvents"]] == ["ERROR 7"]


def test_log_group_to_stream(strangers):
    write_log(strangers, "LogGroupToStream", "one", "two")
    (record,) = records(strangers, "LogGroupToStream")
    assert [line["message"] for line in json.loads(gzip.decompress(record))["logEvents"]] == ["one", "two"]


def test_device_topic_to_stream(strangers):
    strangers.client("iot-data").publish(topic="mills/m-1/speed", payload=b'{"speed": 7}')
    strangers.settle()
    assert records(strangers, "DeviceTopicToStream") == [b'{"speed": 7}']
