"""SQS: message-move tasks, deduplication, visibility, delays and deletion."""

import base64
import json

import pytest
from botocore.exceptions import ClientError

pytest_plugins = ["lambda_fixtures"]


@pytest.fixture
def sqs(site):
    return site.client("sqs")


@pytest.fixture
def dead(site):
    return site.queue("dead")


@pytest.fixture
def source(site, dead):
    """A queue that moves each message to the dead-letter queue on its second receive."""
    return site.queue("source", VisibilityTimeout=1, RedrivePolicy=site.redrive(dead, 1))


@pytest.fixture
def move_to_dead_letter_queue(site, source, dead):
    """Move messages to the dead-letter queue."""

    def move(count):
        source.send(*map(str, range(count)))
        received = 0
        while received < count:
            received += len(source.receive())
        site.wait(2)
        assert source.receive() == []
        assert dead.count()[0] == count

    return move


def tasks(sqs, dead, limit=10):
    return sqs.list_message_move_tasks(SourceArn=dead.arn, MaxResults=limit)["Results"]


def failure(action, **given):
    with pytest.raises(ClientError) as raised:
        action(**given)
    return raised.value.response["Error"]


def test_task_moves_dead_letters_to_their_source_queue(site, sqs, source, dead, move_to_dead_letter_queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    move_to_dead_letter_queue(3)
    sqs.start_message_move_task(SourceArn=dead.arn)
    site.settle()
    (task,) = tasks(sqs, dead)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 3)
    assert (source.count(), dead.count()) == ((3, 0), (0, 0))


def test_visibility_timeout_is_limited_to_12_hours_after_receiving(site, sqs, dead):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""
    dead.send("old")
    site.wait(13 * 3600)
    handle = dead.receive()[0]["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=dead.url, ReceiptHandle=handle, VisibilityTimeout=11 * 3600)
    site.wait(2 * 3600)
    with pytest.raises(ClientError, match="beyond the limit"):
        sqs.change_message_visibility(QueueUrl=dead.url, ReceiptHandle=handle, VisibilityTimeout=11 * 3600)


def test_redriven_message_is_a_new_message(site, sqs, source, dead, move_to_dead_letter_queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html"""
    move_to_dead_letter_queue(1)
    (dead_letter,) = dead.receive(VisibilityTimeout=0)
    sqs.start_message_move_task(SourceArn=dead.arn)
    site.settle()
    (message,) = source.receive()
    assert message["MessageId"] != dead_letter["MessageId"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "DeadLetterQueueSourceArn" not in message["Attributes"]


def test_task_moves_to_another_queue_of_the_same_type(site, sqs, dead, move_to_dead_letter_queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    move_to_dead_letter_queue(2)
    other, fifo = site.queue("other"), site.queue("other.fifo")
    error = failure(sqs.start_message_move_task, SourceArn=dead.arn, DestinationArn=fifo.arn)
    assert error["Message"] == "The source queue and destination queue must be of the same queue type."
    sqs.start_message_move_task(SourceArn=dead.arn, DestinationArn=other.arn)
    site.settle()
    assert other.count() == (2, 0)


def test_rate_limits_messages_per_second(site, sqs, dead, move_to_dead_letter_queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    move_to_dead_letter_queue(5)
    before = site.cloud.scheduler.clock.now()
    sqs.start_message_move_task(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=2)
    site.settle()
    assert 2 <= site.cloud.scheduler.clock.now() - before < 5
    assert tasks(sqs, dead)[0]["MaxNumberOfMessagesPerSecond"] == 2


def test_running_task_has_a_handle_and_can_be_cancelled(site, sqs, dead, move_to_dead_letter_queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html"""
    move_to_dead_letter_queue(5)
    handle = sqs.start_message_move_task(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    (task,) = tasks(sqs, dead)
    assert (task["Status"], task["TaskHandle"]) == ("RUNNING", handle)
    assert sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] < 5
    site.settle()
    (task,) = tasks(sqs, dead)
    assert (task["Status"], "TaskHandle" in task) == ("CANCELLED", False)
    assert dead.count()[0] >= 3


def test_only_one_task_of_a_queue_can_be_active(site, sqs, dead, move_to_dead_letter_queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    move_to_dead_letter_queue(3)
    sqs.start_message_move_task(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=1)
    assert "already a task running" in failure(sqs.start_message_move_task, SourceArn=dead.arn)["Message"]
    site.settle()
    sqs.start_message_move_task(SourceArn=dead.arn)
    site.settle()
    assert [task["Status"] for task in tasks(sqs, dead)] == ["COMPLETED", "COMPLETED"]


def test_task_fails_if_the_source_of_a_message_is_unknown(site, sqs, source, dead):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html"""
    dead.send("by hand")
    sqs.start_message_move_task(SourceArn=dead.arn)
    site.settle()
    (task,) = tasks(sqs, dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"SourceArn": "arn:aws:sqs:us-east-1:123456789012:none"}, "ResourceNotFoundException", "SourceArn"),
        ({"SourceArn": "arn:aws:sqs:us-east-1:123456789012:source"}, "InvalidParameterValue", "Dead Letter Queue"),
        ({"MaxNumberOfMessagesPerSecond": 501}, "InvalidParameterValue", "MaxNumberOfMessagesPerSecond"),
        ({"DestinationArn": "arn:aws:sqs:us-east-1:123456789012:none"}, "ResourceNotFoundException", "DestinationArn"),
    ],
)
def test_invalid_task_is_rejected(sqs, source, dead, given, code, message):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    error = failure(sqs.start_message_move_task, **{"SourceArn": dead.arn, **given})
    assert error["Code"].endswith(code)
    assert message in error["Message"]


def test_completed_task_cannot_be_cancelled(site, sqs, dead, move_to_dead_letter_queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html"""
    move_to_dead_letter_queue(1)
    handle = sqs.start_message_move_task(SourceArn=dead.arn)["TaskHandle"]
    site.settle()
    assert "active" in failure(sqs.cancel_message_move_task, TaskHandle=handle)["Message"]


def test_task_handle_names_an_existing_task(sqs, dead):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html"""
    handles = [json.dumps({"taskId": "a", "sourceArn": arn}).encode() for arn in (dead.arn, f"{dead.arn}x")]
    known, unknown = (base64.b64encode(handle).decode() for handle in handles)
    messages = [failure(sqs.cancel_message_move_task, TaskHandle=each)["Message"] for each in (known, unknown, "x")]
    assert messages == [
        "Task does not exist.",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
        "Value for parameter TaskHandle is invalid.",
    ]


# -- deduplication ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "more"),
    [({}, {"MessageDeduplicationId": "d"}), ({"ContentBasedDeduplication": "true"}, {})],
    ids=["by id", "by content"],
)
def test_duplicate_within_five_minutes_is_dropped_even_after_the_first_was_deleted(site, sqs, attributes, more):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html"""
    queue = site.queue("q.fifo", **attributes)
    (first,) = queue.send("x", MessageGroupId="g", **more)
    (message,) = queue.receive()
    sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    site.wait(200)
    (again,) = queue.send("x", MessageGroupId="g", **more)
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert queue.receive() == []
    site.wait(101)
    queue.send("x", MessageGroupId="g", **more)
    assert len(queue.receive()) == 1


def test_deduplication_scope_message_group_accepts_duplicates_in_other_groups(site):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html"""
    scope = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    queue = site.queue("q.fifo", ContentBasedDeduplication="true", **scope)
    for group in "abb":
        queue.send("x", MessageGroupId=group)
    assert len(queue.receive()) == 2


def test_sequence_numbers_grow(site):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
    queue = site.queue("q.fifo", ContentBasedDeduplication="true")
    numbers = [sent["SequenceNumber"] for sent in queue.send("1", "2", "3", MessageGroupId="g")]
    assert numbers == sorted(set(numbers))
    assert {len(number) for number in numbers} == {20}


def test_message_group_is_blocked_while_a_message_is_in_flight(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html"""
    queue = site.queue("q.fifo", ContentBasedDeduplication="true")
    queue.send("1", "2", MessageGroupId="g")
    (first,) = queue.receive(MaxNumberOfMessages=1)
    assert queue.receive() == []
    sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=first["ReceiptHandle"])
    assert [message["Body"] for message in queue.receive()] == ["2"]


def test_visibility_timeout_of_zero_makes_a_message_visible(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html"""
    queue = site.queue()
    queue.send("x")
    (message,) = queue.receive()
    assert (queue.receive(), queue.count()) == ([], (0, 1))
    sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert len(queue.receive()) == 1


def test_delayed_message_is_visible_after_its_delay(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html"""
    queue = site.queue()
    queue.send("x", DelaySeconds=60)
    names = ["ApproximateNumberOfMessagesDelayed"]
    counted = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    assert (queue.receive(), counted[names[0]]) == ([], "1")
    site.wait(61)
    assert len(queue.receive()) == 1


def test_only_an_unknown_receipt_handle_is_an_error_on_delete(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html"""
    queue = site.queue()
    queue.send("x")
    (message,) = queue.receive()
    for _ in range(2):
        sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    error = failure(sqs.delete_message, QueueUrl=queue.url, ReceiptHandle="unknown")
    assert "ReceiptHandleIsInvalid" in error["Code"]


def test_purged_queue_is_empty(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html"""
    queue = site.queue()
    queue.send("x", "y")
    sqs.purge_queue(QueueUrl=queue.url)
    assert (queue.receive(), queue.count()) == ([], (0, 0))


def test_message_received_with_visibility_timeout_zero_is_received_once_per_call(site):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""
    dead = site.queue("dead.fifo")
    queue = site.queue("q.fifo", ContentBasedDeduplication="true", RedrivePolicy=site.redrive(dead, 1))
    queue.send("a", MessageGroupId="g")
    assert [message["Body"] for message in queue.receive(VisibilityTimeout=0)] == ["a"]
    assert queue.receive(VisibilityTimeout=0) == []
    assert (dead.count(), [message["Body"] for message in dead.receive()]) == ((1, 0), ["a"])


def test_fifo_group_delivers_nothing_behind_a_message_in_flight(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html"""
    queue = site.queue("q.fifo", ContentBasedDeduplication="true", VisibilityTimeout=10)
    queue.send("a", "b", "c", MessageGroupId="g")
    second = queue.receive()[1]
    sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=20)
    site.wait(11)
    assert [message["Body"] for message in queue.receive()] == ["a"]
    site.wait(10)
    assert [message["Body"] for message in queue.receive()] == ["a", "b", "c"]
