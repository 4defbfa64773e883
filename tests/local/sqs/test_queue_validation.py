"""SQS rejects invalid requests, with its own errors."""

import json

import pytest
from botocore.exceptions import ClientError

pytest_plugins = ["lambda_fixtures"]


@pytest.fixture
def sqs(site):
    return site.client("sqs")


def error(action, **given):
    """Return the code and message of an error, and the code for clients of the query protocol."""
    with pytest.raises(ClientError) as raised:
        action(**given)
    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-query-error"] == f"{response['Error']['Code']};Sender"
    return response["Error"]["Code"], response["Error"]["Message"]


def string(value, kind="String"):
    return {"DataType": kind, "StringValue": value}


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"MessageBody": ""}, "MissingParameter", "must contain the parameter MessageBody"),
        ({"MessageBody": "a\x01"}, "InvalidMessageContents", "Invalid characters found"),
        ({"MessageBody": "a" * 2000}, "InvalidParameterValue", "must be shorter than 1024 bytes"),
        ({"MessageAttributes": {"a": string("b" * 1020)}}, "InvalidParameterValue", "must be shorter than 1024 bytes"),
        ({"MessageAttributes": {"a": string("")}}, "InvalidParameterValue", "'a' must contain a non-empty value"),
        ({"MessageAttributes": {"a": string("x", "Number")}}, "InvalidParameterValue", "Can't cast the value of"),
        ({"DelaySeconds": 901}, "InvalidParameterValue", "DelaySeconds must be >= 0 and <= 900"),
        ({"MessageDeduplicationId": "a"}, "InvalidParameterValue", "not valid for this queue type"),
        ({"MessageGroupId": "a b"}, "InvalidParameterValue", "can only include alphanumeric and punctuation"),
    ],
)
def test_invalid_message_is_rejected(site, sqs, given, code, message):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
    queue = site.queue(MaximumMessageSize=1024)
    found = error(sqs.send_message, QueueUrl=queue.url, **{"MessageBody": "a", **given})
    assert (found[0], message in found[1]) == (code, True)


def test_invalid_entry_of_a_batch_fails_alone(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html"""
    queue = site.queue("q.fifo", ContentBasedDeduplication="true")
    entries = [{"Id": "1", "MessageBody": "a"}, {"Id": "2", "MessageBody": "b", "MessageGroupId": "g"}]
    answer = sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["2"]
    assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("1", "MissingParameter")]


@pytest.mark.parametrize(
    ("ids", "code"),
    [(["1", "1"], "BatchEntryIdsNotDistinct"), (["a b"], "InvalidBatchEntryId"), ("abcdefghijk", "TooManyEntries")],
)
def test_invalid_batch_is_rejected(site, sqs, ids, code):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html"""
    queue = site.queue()
    entries = [{"Id": each, "ReceiptHandle": each} for each in ids]
    assert code in error(sqs.delete_message_batch, QueueUrl=queue.url, Entries=entries)[0]


@pytest.mark.parametrize(
    ("name", "attributes", "code"),
    [
        ("q.fifo", {}, "InvalidParameterValue"),
        ("q", {"FifoQueue": "true"}, "InvalidParameterValue"),
        ("q", {"ContentBasedDeduplication": "true"}, "InvalidAttributeName"),
        ("q", {"DelaySeconds": "901"}, "InvalidAttributeValue"),
    ],
)
def test_invalid_queue_is_rejected(sqs, name, attributes, code):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""
    assert error(sqs.create_queue, QueueName=name, Attributes=attributes)[0] == code


def test_queue_of_the_same_name_needs_the_same_attributes(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""
    site.queue(DelaySeconds=5)
    found = error(sqs.create_queue, QueueName="q", Attributes={"DelaySeconds": "6"})
    assert found[1].endswith("a different value for attribute DelaySeconds")


@pytest.mark.parametrize("given", [{"MaxNumberOfMessages": 11}, {"WaitTimeSeconds": 21}, {"VisibilityTimeout": 43_201}])
def test_receive_outside_its_ranges_is_rejected(site, sqs, given):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""
    found = error(sqs.receive_message, QueueUrl=site.queue().url, **given)
    assert found[1].startswith(f"Value {next(iter(given.values()))} for parameter {next(iter(given))} is invalid.")


def test_receipt_handle_of_a_fifo_queue_expires_with_the_visibility_timeout(site, sqs):
    """https://repost.aws/knowledge-center/sqs-receipt-handle-error"""
    queue = site.queue("q.fifo", ContentBasedDeduplication="true", VisibilityTimeout=1)
    queue.send("a", MessageGroupId="g")
    (message,) = queue.receive()
    site.wait(2)
    found = error(sqs.delete_message, QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    assert found[1].endswith("Reason: The receipt handle has expired.")


def test_receipt_handle_of_a_standard_queue_deletes_after_the_visibility_timeout(site, sqs):
    """https://repost.aws/knowledge-center/sqs-receipt-handle-error"""
    queue = site.queue(VisibilityTimeout=1)
    queue.send("a")
    (message,) = queue.receive()
    site.wait(2)
    sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    assert queue.receive() == []


def test_purge_clears_the_deduplication_ids(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html"""
    queue = site.queue("q.fifo", ContentBasedDeduplication="true")
    queue.send("a", MessageGroupId="g")
    sqs.purge_queue(QueueUrl=queue.url)
    queue.send("a", MessageGroupId="g")
    assert [message["Body"] for message in queue.receive()] == ["a"]


@pytest.mark.parametrize(
    "permission",
    [{"redrivePermission": "denyAll"}, {"redrivePermission": "byQueue", "sourceQueueArns": []}],
)
def test_dead_letter_queue_denies_sources_that_it_does_not_allow(site, sqs, permission):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html"""
    dead = site.queue("dead", RedriveAllowPolicy=json.dumps(permission))
    found = sqs.get_queue_attributes(QueueUrl=dead.url, AttributeNames=["RedriveAllowPolicy"])["Attributes"]
    assert json.loads(found["RedriveAllowPolicy"]) == permission
    policy = {"RedrivePolicy": site.redrive(dead)}
    assert "RedrivePolicy" in error(sqs.create_queue, QueueName="q", Attributes=policy)[1]


def test_set_queue_attributes_keeps_the_others(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    queue = site.queue(Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "7"})
    found = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])["Attributes"]
    assert (found["VisibilityTimeout"], json.loads(found["Policy"])["Statement"]) == ("7", [statement])


def test_batch_keeps_the_trace_header_of_its_entries(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html"""
    queue = site.queue()
    header = {"AWSTraceHeader": string("Root=1-63441c4a-abcdef012345678912345678")}
    entry = {"Id": "1", "MessageBody": "a", "MessageSystemAttributes": header}
    sqs.send_message_batch(QueueUrl=queue.url, Entries=[entry])
    assert queue.receive()[0]["Attributes"]["AWSTraceHeader"] == header["AWSTraceHeader"]["StringValue"]


@pytest.mark.parametrize(
    ("name", "attributes", "code", "message"),
    [
        (
            "q",
            {"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"},
            "InvalidAttributeName",
            "You can use one type of",
        ),
        ("q", {"RedrivePolicy": '{"deadLetterTargetArn": "a"}'}, "InvalidParameterValue", "for deadLetterTargetArn."),
        ("q", {"FifoQueue": "true"}, "InvalidAttributeName", "Unknown Attribute FifoQueue."),
        ("q.fifo", {"FifoQueue": "false"}, "InvalidAttributeValue", "Modifying queue type is not supported."),
    ],
)
def test_attribute_that_a_queue_cannot_have_is_rejected(site, sqs, name, attributes, code, message):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""
    found = error(sqs.set_queue_attributes, QueueUrl=site.queue(name).url, Attributes=attributes)
    assert (found[0], message in found[1]) == (code, True)


def test_fifo_queue_of_the_same_name_needs_the_same_deduplication(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""
    site.queue("q.fifo", ContentBasedDeduplication="true")
    other = {"FifoQueue": "true", "ContentBasedDeduplication": "false"}
    found = error(sqs.create_queue, QueueName="q.fifo", Attributes=other)
    assert found[1].endswith("a different value for attribute ContentBasedDeduplication")


def test_encryption_with_keys_of_sqs_replaces_a_kms_key(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-sqs-sse-queue.html"""
    url = site.queue(KmsMasterKeyId="k", KmsDataKeyReusePeriodSeconds=6000).url
    names = ["KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert before == dict(zip(names, ["k", "6000", "false"], strict=True))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true"})
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] == {
        "SqsManagedSseEnabled": "true"
    }


def test_permission_is_a_statement_by_its_label(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html"""
    url = site.queue().url
    sqs.add_permission(QueueUrl=url, Label="a", AWSAccountIds=["111122223333"], Actions=["ReceiveMessage"])
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert (policy["Version"], [each["Sid"] for each in policy["Statement"]]) == ("2008-10-17", ["a"])
    found = error(sqs.remove_permission, QueueUrl=url, Label="b")
    assert found[1] == "Value b for parameter Label is invalid. Reason: can't find label."


def test_received_message_has_the_attributes_that_were_named(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""
    queue = site.queue(VisibilityTimeout=0)
    queue.send("a", MessageAttributes={"kind": string("b")})
    (named,) = queue.receive(AttributeNames=["SenderId", "ApproximateReceiveCount"], MessageAttributeNames=["*"])
    (other,) = queue.receive(MessageSystemAttributeNames=["SenderId"], AttributeNames=[], MessageAttributeNames=[])
    assert (named["Attributes"].keys(), other["Attributes"].keys()) == (
        {"SenderId", "ApproximateReceiveCount"},
        {"SenderId"},
    )
    assert (named["MessageAttributes"]["kind"]["StringValue"], "MessageAttributes" in other) == ("b", False)
