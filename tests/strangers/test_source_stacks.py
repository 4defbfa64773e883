"""Queues, topics, streams, tables, buckets and APIs as sources of functions."""

import http.client


def test_queue_to_function(strangers):
    stack, sqs = "QueueToFunction", strangers.client("sqs")
    for body in ("good", "bad"):
        sqs.send_message(QueueUrl=strangers.output(stack, "Queue"), MessageBody=body)
    strangers.settle()
    assert strangers.bodies(strangers.output(stack, "Dead")) == ["bad"]


def test_fifo_queue_to_function(strangers):
    stack, sqs = "FifoQueueToFunction", strangers.client("sqs")
    for body in "abc":
        sqs.send_message(QueueUrl=strangers.output(stack, "Queue"), MessageBody=body, MessageGroupId="g")
    strangers.settle()
    assert [event["Records"][0]["body"] for event in strangers.seen(strangers.output(stack))] == ["a", "b", "c"]


def test_topic_to_queues_and_function(strangers):
    stack = "TopicToQueuesAndFunction"
    strangers.client("sns").publish(TopicArn=strangers.output(stack, "Topic"), Message="hello")
    strangers.settle()
    assert strangers.bodies(strangers.output(stack, "Queue")) == ["hello"]
    (event,) = strangers.seen(strangers.output(stack))
    assert event["Records"][0]["Sns"]["Message"] == "hello"


def test_table_to_function(strangers):
    stack, dynamodb = "TableToFunction", strangers.client("dynamodb")
    table = strangers.output(stack, "Table")
    for n in ("1", "2"):
        dynamodb.put_item(TableName=table, Item={"pk": {"S": "a"}, "n": {"N": n}})
    strangers.settle()
    (event,) = strangers.seen(strangers.output(stack))
    assert event["Records"][0]["dynamodb"]["NewImage"]["n"] == {"N": "1"}


def test_stream_to_function(strangers):
    stack = "StreamToFunction"
    for data in (b"good", b"bad"):
        strangers.client("kinesis").put_record(
            StreamName=strangers.output(stack, "Stream"), Data=data, PartitionKey="bad" if data == b"bad" else "k"
        )
    strangers.settle()
    (failure,) = strangers.bodies(strangers.output(stack, "Queue"))
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert len(strangers.seen(strangers.output(stack))) == 3


def test_function_destinations(strangers):
    stack, invoke = "FunctionDestinations", strangers.client("lambda").invoke
    for payload in ('{"n": 1}', '{"bad": 1}'):
        invoke(FunctionName=strangers.output(stack), InvocationType="Event", Payload=payload)
    strangers.settle()
    (done,) = strangers.bodies(strangers.output(stack, "Queue"))
    assert done["detail"]["responsePayload"] == {"done": True}
    (failed,) = strangers.bodies(strangers.output(stack, "Failed"))
    assert failed["requestPayload"] == {"bad": 1}


def test_bucket_to_function(strangers):
    stack = "BucketToFunction"
    for key in ("a.csv", "a.txt"):
        strangers.client("s3").put_object(Bucket=strangers.output(stack, "Bucket"), Key=key, Body=b"x")
    strangers.settle()
    (event,) = strangers.seen(strangers.output(stack))
    assert event["Records"][0]["s3"]["object"]["key"] == "a.csv"


def test_bucket_to_queue_and_topic(strangers):
    stack, s3 = "BucketToQueueAndTopic", strangers.client("s3")
    location = {"Bucket": strangers.output(stack, "Bucket"), "Key": "a"}
    s3.put_object(**location, Body=b"x")
    s3.delete_object(**location)
    strangers.settle()
    found = [strangers.bodies(strangers.output(stack, name)) for name in ("Queue", "Deleted")]
    names = [[body["Records"][0]["eventName"] for body in bodies if "Records" in body] for bodies in found]
    assert names == [["ObjectCreated:Put"], ["ObjectRemoved:Delete"]]


def test_bucket_to_event_bridge(strangers):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html"""
    stack, s3 = "BucketToEventBridge", strangers.client("s3")
    location = {"Bucket": strangers.output(stack, "Bucket"), "Key": "a/b c"}
    s3.put_object(**location, Body=b"x", Tagging="a=b")
    s3.put_object_tagging(**location, Tagging={"TagSet": [{"Key": "a", "Value": "c"}]})
    s3.delete_object(**location)
    strangers.settle()
    found = strangers.bodies(strangers.output(stack, "Queue"))
    kinds = ["Object Created", "Object Tags Added", "Object Deleted"]
    assert [(event["detail-type"], event["detail"]["object"]["key"]) for event in found] == [
        (k, "a/b c") for k in kinds
    ]


def test_http_api_to_function(strangers):
    host = f"{strangers.output('HttpApiToFunction', 'Api')}.execute-api.localhost:{strangers.cloud.port}"
    connection = http.client.HTTPConnection("127.0.0.1", strangers.cloud.port)
    connection.request("GET", "/orders/7", headers={"host": host})
    assert connection.getresponse().read() == b"7"


def test_function_with_powertools_layer(strangers):
    """https://docs.aws.amazon.com/powertools/python/latest/getting-started/install/

    Differs: the layer has the installed version of Powertools, not the one of the ARN.
    """
    stack = "FunctionWithPowertoolsLayer"
    strangers.client("sqs").send_message(QueueUrl=strangers.output(stack, "Queue"), MessageBody="hello")
    strangers.settle()
    assert strangers.seen(strangers.output(stack)) == [["hello"]]


def test_queue_with_inline_policy(strangers):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queueinlinepolicy.html"""
    stack, sqs = "QueueWithInlinePolicy", strangers.client("sqs")
    url = strangers.output(stack, "Queue")
    assert (
        "sns.amazonaws.com" in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    )
    strangers.client("sns").publish(TopicArn=strangers.output(stack, "Topic"), Message="hello")
    assert [body["Message"] for body in strangers.bodies(url)] == ["hello"]
