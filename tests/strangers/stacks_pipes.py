"""Stacks with EventBridge Pipes."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_pipes as pipes
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from parts import function, output

RETURN = "return [{'order': json.loads(each['body'])['order'], 'rich': True} for each in event]"


def _queue(stack, name="Queue", **settings):
    queue = sqs.Queue(stack, name, **settings)
    output(stack, name, queue.queue_url)
    return queue


def _role(stack):
    return iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("pipes.amazonaws.com"))


def _pipe(stack, role, source, target, **settings):
    pipe = pipes.CfnPipe(stack, "Pipe", role_arn=role.role_arn, source=source, target=target, **settings)
    pipe.node.add_dependency(role)


def queue_to_bus_by_pipe(stack):
    """A pipe filters messages, enriches them by a function, and puts them on a bus."""
    role, source, bus = _role(stack), _queue(stack, "Source"), events.EventBus(stack, "Bus")
    enrich = function(stack, "Function", RETURN)
    source.grant_consume_messages(role)
    enrich.grant_invoke(role)
    bus.grant_all_put_events(role)
    pattern = events.EventPattern(source=["pipe"])
    events.Rule(stack, "Rule", event_bus=bus, event_pattern=pattern, targets=[targets.SqsQueue(_queue(stack))])
    _pipe(
        stack,
        role,
        source.queue_arn,
        bus.event_bus_arn,
        enrichment=enrich.function_arn,
        source_parameters={"filterCriteria": {"filters": [{"pattern": '{"body": {"kind": ["order"]}}'}]}},
        target_parameters={"eventBridgeEventBusParameters": {"source": "pipe", "detailType": "$.order"}},
    )


def table_to_topic_by_pipe(stack):
    """A pipe publishes the changes of a table to a topic."""
    role, topic = _role(stack), sns.Topic(stack, "Topic")
    table = _table(stack)
    table.grant_stream_read(role)
    topic.grant_publish(role)
    topic.add_subscription(subscriptions.SqsSubscription(_queue(stack), raw_message_delivery=True))
    position = {"startingPosition": "TRIM_HORIZON"}
    template = '{"pk": <$.dynamodb.Keys.pk.S>, "event": "<$.eventName>"}'
    _pipe(
        stack,
        role,
        table.table_stream_arn,
        topic.topic_arn,
        source_parameters={"dynamoDbStreamParameters": position},
        target_parameters={"inputTemplate": template},
    )


def stream_to_state_machine_by_pipe(stack):
    """A pipe enriches records by an express state machine, and starts a standard one."""
    role, stream = _role(stack), kinesis.Stream(stack, "Stream", stream_mode=kinesis.StreamMode.PROVISIONED)
    enrich = sfn.StateMachine(
        stack,
        "Enrich",
        state_machine_type=sfn.StateMachineType.EXPRESS,
        definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass(stack, "Each")),
    )
    machine = sfn.StateMachine(
        stack, "Machine", definition_body=sfn.DefinitionBody.from_chainable(sfn.Succeed(stack, "Done"))
    )
    stream.grant_read(role)
    enrich.grant_start_sync_execution(role)
    machine.grant_start_execution(role)
    output(stack, "Machine", machine.state_machine_arn)
    output(stack, "Stream", stream.stream_name)
    _pipe(
        stack,
        role,
        stream.stream_arn,
        machine.state_machine_arn,
        enrichment=enrich.state_machine_arn,
        enrichment_parameters={"inputTemplate": '{"order": <$.data.order>}'},
        source_parameters={"kinesisStreamParameters": {"startingPosition": "TRIM_HORIZON"}},
        target_parameters={"stepFunctionStateMachineParameters": {"invocationType": "FIRE_AND_FORGET"}},
    )


def queue_to_api_destination_by_pipe(stack):
    """A pipe calls an API for each message."""
    role, source = _role(stack), _queue(stack, "Source")
    url = cdk.CfnParameter(stack, "HookUrl", type="String")
    key = events.Authorization.api_key("x-api-key", cdk.SecretValue.unsafe_plain_text("of a pipe"))
    connection = events.Connection(stack, "Connection", authorization=key)
    destination = events.ApiDestination(stack, "Destination", connection=connection, endpoint=url.value_as_string)
    source.grant_consume_messages(role)
    role.add_to_policy(
        iam.PolicyStatement(actions=["events:InvokeApiDestination"], resources=[destination.api_destination_arn])
    )
    http = {"headerParameters": {"x-order": "$.body.order"}}
    parameters = {"inputTemplate": "<$.body>", "httpParameters": http}
    _pipe(stack, role, source.queue_arn, destination.api_destination_arn, target_parameters=parameters)


def _table(stack):
    """Create a table with a stream."""
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        stream=dynamodb.StreamViewType.NEW_IMAGE,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    output(stack, "Table", table.table_name)
    return table


def queue_to_function_by_pipe(stack):
    """A pipe sends batches of messages to a function."""
    role, source, target = _role(stack), _queue(stack, "Source"), function(stack)
    source.grant_consume_messages(role)
    target.grant_invoke(role)
    batch = {"sqsQueueParameters": {"batchSize": 10, "maximumBatchingWindowInSeconds": 5}}
    _pipe(stack, role, source.queue_arn, target.function_arn, source_parameters=batch)


def stream_to_queue_by_pipe(stack):
    """A pipe sends the records of a stream to a FIFO queue; the partition key is the message group."""
    role, stream = _role(stack), kinesis.Stream(stack, "Stream", stream_mode=kinesis.StreamMode.PROVISIONED)
    queue = _queue(stack, fifo=True, content_based_deduplication=True)
    stream.grant_read(role)
    queue.grant_send_messages(role)
    output(stack, "Stream", stream.stream_name)
    _pipe(
        stack,
        role,
        stream.stream_arn,
        queue.queue_arn,
        source_parameters={"kinesisStreamParameters": {"startingPosition": "TRIM_HORIZON"}},
        target_parameters={"inputTemplate": "<$.data>", "sqsQueueParameters": {"messageGroupId": "$.partitionKey"}},
    )


def table_to_stream_by_pipe(stack):
    """A pipe puts the changes of a table on a stream that a function reads."""
    role, table = _role(stack), _table(stack)
    stream = kinesis.Stream(stack, "Stream", stream_mode=kinesis.StreamMode.PROVISIONED)
    start = lambda_.StartingPosition.TRIM_HORIZON
    function(stack).add_event_source(sources.KinesisEventSource(stream, starting_position=start))
    table.grant_stream_read(role)
    stream.grant_write(role)
    _pipe(
        stack,
        role,
        table.table_stream_arn,
        stream.stream_arn,
        source_parameters={"dynamoDbStreamParameters": {"startingPosition": "TRIM_HORIZON"}},
        target_parameters={"kinesisStreamParameters": {"partitionKey": "$.dynamodb.Keys.pk.S"}},
    )


def fifo_queue_to_log_group_by_pipe(stack):
    """A pipe writes the messages of a FIFO queue to a log group."""
    role, source = _role(stack), _queue(stack, "Source", fifo=True, content_based_deduplication=True)
    group = logs.LogGroup(stack, "Group", removal_policy=cdk.RemovalPolicy.DESTROY)
    source.grant_consume_messages(role)
    group.grant_write(role)
    output(stack, "Group", group.log_group_name)
    _pipe(
        stack,
        role,
        source.queue_arn,
        group.log_group_arn,
        target_parameters={"inputTemplate": '{"note": "<$.body>"}'},
    )


PIPE_STACKS = (
    queue_to_bus_by_pipe,
    table_to_topic_by_pipe,
    stream_to_state_machine_by_pipe,
    queue_to_api_destination_by_pipe,
    queue_to_function_by_pipe,
    stream_to_queue_by_pipe,
    table_to_stream_by_pipe,
    fifo_queue_to_log_group_by_pipe,
)
