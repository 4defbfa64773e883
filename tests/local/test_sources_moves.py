"""Message-move tasks, deduplication, and what receiving leaves behind."""

import pytest
from botocore.exceptions import ClientError

pytest_plugins = ["sources_fixtures"]


@pytest.fixture
def sqs(site):
    return site.client("sqs")


@pytest.fixture
def dead(site):
    return site.queue("dead")


@pytest.fixture
def source(site, dead):
    """A queue each message of which goes to the dead letters when it is received again."""
    return site.queue("source", VisibilityTimeout=1, RedrivePolicy=site.redrive(dead, 1))


@pytest.fixture
def buried(site, source, dead):
    """Bring messages into the dead-letter queue."""

    def bury(count):
        source.send(*map(str, range(count)))
        received = 0
        while received < count:
            received += len(source.receive())
        site.wait(2)
        assert source.receive() == []
        assert dead.count()[0] == count

    return bury


def tasks(sqs, dead, most=10):
    return sqs.list_message_move_tasks(SourceArn=dead.arn, MaxResults=most)["Results"]


def refusal(action, **given):
    with pytest.raises(ClientError) as refused:
        action(**given)
    return refused.value.response["Error"]


def test_a_task_moves_letters_back_to_where_they_came_from(site, sqs, source, dead, buried):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    buried(3)
    sqs.start_message_move_task(SourceArn=dead.arn)
    site.settle()
    (task,) = tasks(sqs, dead)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 3)
    assert (source.count(), dead.count()) == ((3, 0), (0, 0))


def test_a_message_may_be_hidden_for_twelve_hours_since_it_was_received(site, sqs, dead):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""
    dead.send("old")
    site.wait(13 * 3600)
    handle = dead.receive()[0]["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=dead.url, ReceiptHandle=handle, VisibilityTimeout=11 * 3600)
    site.wait(2 * 3600)
    with pytest.raises(ClientError, match="beyond the limit"):
        sqs.change_message_visibility(QueueUrl=dead.url, ReceiptHandle=handle, VisibilityTimeout=11 * 3600)


def test_a_redriven_message_is_a_new_one(site, sqs, source, dead, buried):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html"""
    buried(1)
    (letter,) = dead.receive(VisibilityTimeout=0)
    sqs.start_message_move_task(SourceArn=dead.arn)
    site.settle()
    (message,) = source.receive()
    assert message["MessageId"] != letter["MessageId"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "DeadLetterQueueSourceArn" not in message["Attributes"]


def test_a_task_may_move_to_another_queue_of_the_same_type(site, sqs, dead, buried):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    buried(2)
    other, fifo = site.queue("other"), site.queue("other.fifo")
    told = refusal(sqs.start_message_move_task, SourceArn=dead.arn, DestinationArn=fifo.arn)
    assert told["Message"] == "The source queue and destination queue must be of the same queue type."
    sqs.start_message_move_task(SourceArn=dead.arn, DestinationArn=other.arn)
    site.settle()
    assert other.count() == (2, 0)


def test_a_rate_spreads_the_move_over_seconds(site, sqs, dead, buried):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    buried(5)
    before = site.cloud.scheduler.clock.now()
    sqs.start_message_move_task(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=2)
    site.settle()
    assert 2 <= site.cloud.scheduler.clock.now() - before < 5
    assert tasks(sqs, dead)[0]["MaxNumberOfMessagesPerSecond"] == 2


def test_a_running_task_shows_its_handle_and_can_be_cancelled(site, sqs, dead, buried):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html"""
    buried(5)
    handle = sqs.start_message_move_task(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    (task,) = tasks(sqs, dead)
    assert (task["Status"], task["TaskHandle"]) == ("RUNNING", handle)
    assert sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] < 5
    site.settle()
    (task,) = tasks(sqs, dead)
    assert (task["Status"], "TaskHandle" in task) == ("CANCELLED", False)
    assert dead.count()[0] >= 3


def test_one_task_at_a_time_moves_the_messages_of_a_queue(site, sqs, dead, buried):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    buried(3)
    sqs.start_message_move_task(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=1)
    assert "already a task running" in refusal(sqs.start_message_move_task, SourceArn=dead.arn)["Message"]
    site.settle()
    sqs.start_message_move_task(SourceArn=dead.arn)
    site.settle()
    assert [task["Status"] for task in tasks(sqs, dead)] == ["COMPLETED", "COMPLETED"]


def test_a_task_fails_that_cannot_tell_where_a_message_came_from(site, sqs, source, dead):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html"""
    dead.send("by hand")
    sqs.start_message_move_task(SourceArn=dead.arn)
    site.settle()
    (task,) = tasks(sqs, dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ({"SourceArn": "arn:aws:sqs:us-east-1:123456789012:none"}, "ResourceNotFoundException", "SourceArn"),
        ({"SourceArn": "arn:aws:sqs:us-east-1:123456789012:source"}, "InvalidParameterValue", "Dead Letter Queue"),
        ({"MaxNumberOfMessagesPerSecond": 501}, "InvalidParameterValue", "MaxNumberOfMessagesPerSecond"),
        ({"DestinationArn": "arn:aws:sqs:us-east-1:123456789012:none"}, "ResourceNotFoundException", "DestinationArn"),
    ],
)
def test_a_task_that_cannot_be_is_refused(sqs, source, dead, given, code, told):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    error = refusal(sqs.start_message_move_task, **{"SourceArn": dead.arn, **given})
    assert error["Code"].endswith(code)
    assert told in error["Message"]


def test_a_task_that_has_ended_cannot_be_cancelled(site, sqs, dead, buried):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html"""
    buried(1)
    handle = sqs.start_message_move_task(SourceArn=dead.arn)["TaskHandle"]
    site.settle()
    assert "active" in refusal(sqs.cancel_message_move_task, TaskHandle=handle)["Message"]
    assert refusal(sqs.cancel_message_move_task, TaskHandle="x")["Message"] == "Task does not exist."


# -- deduplication ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "more"),
    [({}, {"MessageDeduplicationId": "d"}), ({"ContentBasedDeduplication": "true"}, {})],
    ids=["by id", "by content"],
)
def test_a_duplicate_within_five_minutes_is_dropped_even_after_the_first_was_deleted(site, sqs, attributes, more):
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


def test_a_duplicate_of_another_group_counts_where_the_scope_is_the_group(site):
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


def test_a_group_is_closed_while_a_consumer_has_one_of_its_messages(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html"""
    queue = site.queue("q.fifo", ContentBasedDeduplication="true")
    queue.send("1", "2", MessageGroupId="g")
    (first,) = queue.receive(MaxNumberOfMessages=1)
    assert queue.receive() == []
    sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=first["ReceiptHandle"])
    assert [message["Body"] for message in queue.receive()] == ["2"]


def test_a_message_whose_visibility_is_changed_to_zero_comes_back_at_once(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html"""
    queue = site.queue()
    queue.send("x")
    (message,) = queue.receive()
    assert (queue.receive(), queue.count()) == ([], (0, 1))
    sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert len(queue.receive()) == 1


def test_a_delayed_message_shows_after_its_delay(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html"""
    queue = site.queue()
    queue.send("x", DelaySeconds=60)
    names = ["ApproximateNumberOfMessagesDelayed"]
    counted = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    assert (queue.receive(), counted[names[0]]) == ([], "1")
    site.wait(61)
    assert len(queue.receive()) == 1


def test_deleting_twice_is_no_error_and_an_unknown_handle_is_one(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html"""
    queue = site.queue()
    queue.send("x")
    (message,) = queue.receive()
    for _ in range(2):
        sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    error = refusal(sqs.delete_message, QueueUrl=queue.url, ReceiptHandle="of nothing")
    assert "ReceiptHandleIsInvalid" in error["Code"]


def test_a_purged_queue_is_empty(site, sqs):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html"""
    queue = site.queue()
    queue.send("x", "y")
    sqs.purge_queue(QueueUrl=queue.url)
    assert (queue.receive(), queue.count()) == ([], (0, 0))
