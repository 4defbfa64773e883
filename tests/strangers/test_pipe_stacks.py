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


def test_queue_to_function_by_pipe(strangers):
    stack, sqs = "QueueToFunctionByPipe", strangers.client("sqs")
    for body in "ab":
        sqs.send_message(QueueUrl=strangers.output(stack, "Source"), MessageBody=body)
    strangers.settle()
    found = [record["body"] for batch in strangers.seen(strangers.output(stack)) for record in batch]
    assert sorted(found) == ["a", "b"]


def test_stream_to_queue_by_pipe(strangers):
    stack, kinesis = "StreamToQueueByPipe", strangers.client("kinesis")
    kinesis.put_record(StreamName=strangers.output(stack, "Stream"), Data=b'{"n": 1}', PartitionKey="k")
    strangers.settle()
    url = strangers.output(stack, "Queue")
    (message,) = strangers.client("sqs").receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert (json.loads(message["Body"]), message["Attributes"]["MessageGroupId"]) == ({"n": 1}, "k")


def test_table_to_stream_by_pipe(strangers):
    stack = "TableToStreamByPipe"
    strangers.client("dynamodb").put_item(TableName=strangers.output(stack, "Table"), Item={"pk": {"S": "a"}})
    strangers.settle()
    (event,) = strangers.seen(strangers.output(stack))
    assert event["Records"][0]["kinesis"]["partitionKey"] == "a"


def test_fifo_queue_to_log_group_by_pipe(strangers):
    stack, sqs = "FifoQueueToLogGroupByPipe", strangers.client("sqs")
    sqs.send_message(QueueUrl=strangers.output(stack, "Source"), MessageBody="hi", MessageGroupId="g")
    strangers.settle()
    group = strangers.output(stack, "Group")
    (line,) = strangers.client("logs").filter_log_events(logGroupName=group)["events"]
    assert json.loads(line["message"]) == {"note": "hi"}
