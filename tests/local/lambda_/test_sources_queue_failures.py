"""SQS queues as event sources: failed batches, partial batch responses, throttling, crashes and dead letters."""

import json

import pytest
from lambda_kit import REPORT, message_bodies

pytest_plugins = ["lambda_fixtures"]
FAILS = "raise RuntimeError('no')"
FAIL_MARKED = (
    "return {'batchItemFailures': [{'itemIdentifier': r['messageId']} for r in event['Records'] if 'bad' in r['body']]}"
)


def test_failed_batch_is_received_after_the_visibility_timeout_and_then_moved_to_the_dead_letter_queue(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    site.function("f", FAILS)
    dead = site.queue("dead")
    queue = site.queue(VisibilityTimeout=60, RedrivePolicy=site.redrive(dead, 3))
    site.mapping(queue)
    before = site.cloud.scheduler.clock.now()
    queue.send("x")
    site.settle()
    counts = [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in site.seen()]
    assert counts == ["1", "2", "3"]
    assert site.cloud.scheduler.clock.now() - before >= 180
    (dead_letter,) = dead.receive()
    assert dead_letter["Attributes"]["DeadLetterQueueSourceArn"] == queue.arn


def test_only_messages_in_a_partial_batch_response_are_received_again(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    site.function("f", FAIL_MARKED)
    dead = site.queue("dead")
    queue = site.queue(RedrivePolicy=site.redrive(dead))
    queue.send("good", "bad")
    site.mapping(queue, **REPORT)
    site.settle()
    assert site.batches() == [["good", "bad"], ["bad"]]
    assert [message["Body"] for message in dead.receive()] == ["bad"]


@pytest.mark.parametrize(
    "answer",
    [
        "{'batchItemFailures': [{'itemIdentifier': ''}]}",
        "{'batchItemFailures': [{'itemIdentifier': None}]}",
        "{'batchItemFailures': [{'id': event['Records'][0]['messageId']}]}",
        "{'batchItemFailures': [{'itemIdentifier': 'unknown'}]}",
        "'text'",
    ],
)
def test_invalid_batch_response_fails_the_whole_batch(site, answer):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    site.function("f", f"return {answer}")
    dead = site.queue("dead")
    queue = site.queue(RedrivePolicy=site.redrive(dead, 1))
    queue.send("1", "2")
    site.mapping(queue, **REPORT)
    site.settle()
    assert len(dead.receive()) == 2


@pytest.mark.parametrize("answer", ["{'batchItemFailures': []}", "{'batchItemFailures': None}", "{}", "None"])
def test_empty_batch_response_is_a_success(site, answer):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    site.function("f", f"return {answer}")
    queue = site.queue()
    queue.send("1", "2")
    site.mapping(queue, **REPORT)
    site.settle()
    assert (len(site.seen()), queue.count()) == (1, (0, 0))


def test_throttles_use_up_the_receives_of_a_message(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    site.function()
    dead = site.queue("dead")
    queue = site.queue(RedrivePolicy=site.redrive(dead, 3))
    site.client("lambda").put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    site.mapping(queue)
    queue.send("x")
    site.settle()
    assert site.seen() == []
    assert [message["Body"] for message in dead.receive()] == ["x"]


def test_message_is_deleted_after_the_retention_period(site):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""
    queue = site.queue(MessageRetentionPeriod=60)
    queue.send("x")
    site.wait(61)
    assert queue.receive() == []


# -- crashes --------------------------------------------------------------------------------------------------------


def test_batch_of_a_killed_worker_is_received_again_without_affecting_other_queues(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    first = "event['Records'][0]['attributes']['ApproximateReceiveCount'] == '1'"
    site.function("f", "import signal", f"if {first}: os.kill(os.getpid(), signal.SIGKILL)")
    site.function("other")
    queue, others = site.queue(VisibilityTimeout=30), site.queue("others")
    queue.send("1", "2")
    others.send(*map(str, range(20)))
    site.mapping(queue)
    site.mapping(others, "other")
    site.settle()
    assert [sorted(batch) for batch in site.batches()] == [["1", "2"]] * 2
    assert (queue.count(), others.count()) == ((0, 0), (0, 0))
    assert len(site.contents("other")) == 20


def test_batch_of_a_timed_out_function_is_received_again(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    site.function("f", "while event['Records'][0]['attributes']['ApproximateReceiveCount'] == '1': pass", Timeout=1)
    site.function("other")
    queue, others = site.queue(), site.queue("others")
    site.mapping(queue)
    site.mapping(others, "other")
    queue.send("x")
    others.send("y")
    site.settle()
    assert site.batches() == [["x"], ["x"]]
    assert (site.batches("other"), queue.count()) == ([["y"]], (0, 0))


def test_dead_letter_has_the_body_of_the_message(site):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"""
    site.function("f", FAILS)
    dead = site.queue("dead")
    queue = site.queue(RedrivePolicy=site.redrive(dead, 1))
    site.mapping(queue)
    queue.send(json.dumps({"n": 1}))
    site.settle()
    assert message_bodies(dead) == [{"n": 1}]
