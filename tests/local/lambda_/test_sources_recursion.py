"""Recursive-loop detection: a function that sends its messages back to its own queue."""

import pytest
from lambda_kit import LAMBDA

pytest_plugins = ["lambda_fixtures"]
SEND_AGAIN = (
    "import boto3",
    "for record in event['Records']:",
    "    url = os.environ['AWS_ENDPOINT_URL'] + '/123456789012/q'",
    "    boto3.client('sqs').send_message(QueueUrl=url, MessageBody=record['body'])",
)
UNTIL_20 = ("if sum(1 for _ in open(os.environ['SEEN'])) >= 20: return", *SEND_AGAIN)


@pytest.fixture
def loop(site):
    """A function that sends each message to its queue again. Returns the dead-letter queue."""
    dead = site.queue("dead")
    queue = site.queue("q", RedrivePolicy=site.redrive(dead))
    site.function("f", *UNTIL_20)
    site.mapping(queue)
    return queue, dead


def test_recursive_loop_is_stopped_after_16_rounds_and_its_message_moves_to_the_dead_letter_queue(site, loop):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    Differs: loops through SNS and S3 are not detected.
    """
    queue, dead = loop
    queue.send("again")
    site.settle()
    assert len(site.seen()) == 16
    assert [message["Body"] for message in dead.receive()] == ["again"]


def test_function_that_allows_recursive_loops_is_not_stopped(site, loop):
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionRecursionConfig.html"""
    queue, dead = loop
    site.client("lambda").put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    queue.send("again")
    site.settle()
    assert len(site.seen()) == 20
    assert site.client("lambda").get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Allow"
    assert dead.receive() == []


def test_messages_that_share_no_chain_are_counted_apart(site, loop):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html"""
    queue, dead = loop
    site.update("f", "return")
    for number in range(18):
        queue.send(str(number))
        site.settle()
    assert len(site.seen()) == 18
    assert dead.receive() == []


def test_function_that_invokes_itself_is_stopped_after_16_rounds(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html"""
    dead = site.queue("dead")
    invoke = f"boto3.client('lambda').invoke(FunctionName='{LAMBDA}f', InvocationType='Event', Payload=b'{{}}')"
    site.function("f", "import boto3", invoke, DeadLetterConfig={"TargetArn": dead.arn})
    site.client("lambda").invoke(FunctionName="f", InvocationType="Event")
    site.settle()
    assert len(site.seen()) == 16
    assert len(dead.receive()) == 1
