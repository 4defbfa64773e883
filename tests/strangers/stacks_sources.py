"""Stacks with event sources of functions: queues, topics, streams, tables, buckets and APIs."""

import aws_cdk as cdk
from aws_cdk import (
    aws_apigatewayv2 as apigateway,
)
from aws_cdk import (
    aws_apigatewayv2_integrations as integrations,
)
from aws_cdk import (
    aws_dynamodb as dynamodb,
)
from aws_cdk import (
    aws_events as events,
)
from aws_cdk import (
    aws_events_targets as targets,
)
from aws_cdk import (
    aws_kinesis as kinesis,
)
from aws_cdk import (
    aws_lambda as lambda_,
)
from aws_cdk import (
    aws_lambda_destinations as destinations,
)
from aws_cdk import (
    aws_lambda_event_sources as sources,
)
from aws_cdk import (
    aws_s3 as s3,
)
from aws_cdk import (
    aws_s3_notifications as notifications,
)
from aws_cdk import (
    aws_sns as sns,
)
from aws_cdk import (
    aws_sns_subscriptions as subscriptions,
)
from aws_cdk import (
    aws_sqs as sqs,
)
from parts import function, output

FAIL_ON_BAD = 'if "bad" in json.dumps(event): raise ValueError("bad")'


def _queue(stack, name="Queue", **settings):
    queue = sqs.Queue(stack, name, **settings)
    output(stack, name, queue.queue_url)
    return queue


def _bucket(stack, **settings):
    bucket = s3.Bucket(stack, "Bucket", removal_policy=cdk.RemovalPolicy.DESTROY, **settings)
    output(stack, "Bucket", bucket.bucket_name)
    return bucket


def queue_to_function(stack):
    """A function processes a queue with partial batch responses and a dead-letter queue."""
    dead = _queue(stack, "Dead")
    redrive = sqs.DeadLetterQueue(max_receive_count=2, queue=dead)
    queue = _queue(stack, dead_letter_queue=redrive, visibility_timeout=cdk.Duration.seconds(30))
    bad = '[{"itemIdentifier": r["messageId"]} for r in event["Records"] if r["body"] == "bad"]'
    worker = function(stack, "Function", f'return {{"batchItemFailures": {bad}}}')
    worker.add_event_source(sources.SqsEventSource(queue, report_batch_item_failures=True))


def fifo_queue_to_function(stack):
    """A function processes a FIFO queue in order."""
    queue = _queue(stack, fifo=True, content_based_deduplication=True)
    function(stack).add_event_source(sources.SqsEventSource(queue, batch_size=1))


def topic_to_queues_and_function(stack):
    """A topic fans out to a function and to a queue that gets raw messages."""
    topic = sns.Topic(stack, "Topic")
    topic.add_subscription(subscriptions.LambdaSubscription(function(stack)))
    topic.add_subscription(subscriptions.SqsSubscription(_queue(stack), raw_message_delivery=True))
    output(stack, "Topic", topic.topic_arn)


def table_to_function(stack):
    """A function reads the inserts of a table's stream."""
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    inserts = lambda_.FilterCriteria.filter({"eventName": lambda_.FilterRule.is_equal("INSERT")})
    function(stack).add_event_source(
        sources.DynamoEventSource(table, starting_position=lambda_.StartingPosition.LATEST, filters=[inserts])
    )
    output(stack, "Table", table.table_name)


def stream_to_function(stack):
    """A function reads a Kinesis stream; batches that fail go to a queue."""
    stream = kinesis.Stream(stack, "Stream", stream_mode=kinesis.StreamMode.PROVISIONED)
    failures = sources.SqsDlq(_queue(stack))
    function(stack, "Function", FAIL_ON_BAD).add_event_source(
        sources.KinesisEventSource(
            stream,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=1,
            retry_attempts=1,
            on_failure=failures,
        )
    )
    output(stack, "Stream", stream.stream_name)


def function_destinations(stack):
    """The results of a function go to a bus, its failures to a queue."""
    bus = events.EventBus(stack, "Bus")
    events.Rule(
        stack,
        "Rule",
        event_bus=bus,
        event_pattern=events.EventPattern(source=["lambda"]),
        targets=[targets.SqsQueue(_queue(stack))],
    )
    function(
        stack,
        "Function",
        FAIL_ON_BAD,
        'return {"done": True}',
        on_success=destinations.EventBridgeDestination(bus),
        on_failure=destinations.SqsDestination(_queue(stack, "Failed")),
        retry_attempts=0,
    )


def bucket_to_function(stack):
    """A bucket invokes a function for objects with a suffix."""
    bucket, only_csv = _bucket(stack), s3.NotificationKeyFilter(suffix=".csv")
    bucket.add_event_notification(
        s3.EventType.OBJECT_CREATED, notifications.LambdaDestination(function(stack)), only_csv
    )


def bucket_to_queue_and_topic(stack):
    """A bucket notifies a queue of new objects, and a topic of deleted ones."""
    topic, bucket = sns.Topic(stack, "Topic"), _bucket(stack)
    topic.add_subscription(subscriptions.SqsSubscription(_queue(stack, "Deleted"), raw_message_delivery=True))
    bucket.add_event_notification(s3.EventType.OBJECT_CREATED_PUT, notifications.SqsDestination(_queue(stack)))
    bucket.add_event_notification(s3.EventType.OBJECT_REMOVED, notifications.SnsDestination(topic))


def bucket_to_event_bridge(stack):
    """A bucket sends its events to EventBridge, and a rule passes new objects to a queue."""
    bucket = _bucket(stack, event_bridge_enabled=True)
    pattern = events.EventPattern(source=["aws.s3"], detail={"bucket": {"name": [bucket.bucket_name]}})
    events.Rule(stack, "Rule", event_pattern=pattern, targets=[targets.SqsQueue(_queue(stack))])


def http_api_to_function(stack):
    """An HTTP API calls a function."""
    answer = 'return {"statusCode": 200, "body": event["pathParameters"]["id"]}'
    integration = integrations.HttpLambdaIntegration("Orders", function(stack, "Function", answer))
    api = apigateway.HttpApi(stack, "Api")
    api.add_routes(path="/orders/{id}", methods=[apigateway.HttpMethod.GET], integration=integration)
    output(stack, "Api", api.http_api_id)


def function_with_powertools_layer(stack):
    """A function uses the public layer of Powertools."""
    arn = f"arn:aws:lambda:{stack.region}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-x86_64:18"
    layer = lambda_.LayerVersion.from_layer_version_arn(stack, "Powertools", arn)
    code = """
import json
from aws_lambda_powertools.utilities.data_classes import SQSEvent

def handler(event, context):
    print("SEEN " + json.dumps([record.body for record in SQSEvent(event).records]))
"""
    function(stack, code=code, layers=[layer]).add_event_source(sources.SqsEventSource(_queue(stack)))


def queue_with_inline_policy(stack):
    """A queue has its policy inline, and gets the messages of a topic."""
    topic = sns.Topic(stack, "Topic")
    queue = _queue(stack)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue.queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic.topic_arn}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.CfnQueueInlinePolicy(stack, "Policy", queue=queue.queue_url, policy_document=document)
    sns.CfnSubscription(stack, "Sub", topic_arn=topic.topic_arn, protocol="sqs", endpoint=queue.queue_arn)
    output(stack, "Topic", topic.topic_arn)


SOURCE_STACKS = (
    queue_to_function,
    fifo_queue_to_function,
    topic_to_queues_and_function,
    table_to_function,
    stream_to_function,
    function_destinations,
    bucket_to_function,
    bucket_to_queue_and_topic,
    bucket_to_event_bridge,
    http_api_to_function,
    function_with_powertools_layer,
    queue_with_inline_policy,
)
