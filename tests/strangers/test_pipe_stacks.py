"""EventBridge Pipes."""

import json


def send(strangers, stack, **body):
    url = strangers.output(stack, "Source")
    strangers.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(body))
    strangers.settle()


def test_queue_to_bus_by_pipe(strangers):
    for kind in ("other", "order"):
        send(strangers, "QueueToBusByPipe", kind=kind, order="a")
    (event,) = strangers.bodies(strangers.output("QueueToBusByPipe", "Queue"))
    assert (event["source"], event["detail-type"]) == ("pipe", "a")
    assert event["detail"] == {"order": "a", "rich": True}


def test_table_to_topic_by_pipe(strangers):
    table = strangers.output("TableToTopicByPipe", "Table")
    strangers.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": "a"}})
    strangers.settle()
    assert strangers.bodies(strangers.output("TableToTopicByPipe", "Queue")) == [{"pk": "a", "event": "INSERT"}]


def test_stream_to_state_machine_by_pipe(strangers):
    stream = strangers.output("StreamToStateMachineByPipe", "Stream")
    strangers.client("kinesis").put_record(StreamName=stream, PartitionKey="a", Data=b'{"order": "a"}')
    strangers.settle()
    machine, client = strangers.output("StreamToStateMachineByPipe", "Machine"), strangers.client("stepfunctions")
    (execution,) = client.list_executions(stateMachineArn=machine)["executions"]
    started = client.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(started["input"]) == [{"order": "a"}]


def test_queue_to_api_destination_by_pipe(strangers, hook):
    send(strangers, "QueueToApiDestinationByPipe", order="a")
    ((headers, event),) = [each for each in hook.requests if each[0].get("x-api-key") == "of a pipe"]
    assert (headers["x-order"], event) == ("a", {"order": "a"})
