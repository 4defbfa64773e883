"""Stacks with EventBridge Scheduler, subscription filters of logs, and an IoT rule."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as destinations
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from parts import function, output

INPUT = scheduler.ScheduleTargetInput.from_object({"n": 1})


def _daily(stack, target):
    rate = scheduler.ScheduleExpression.rate(cdk.Duration.hours(1))
    scheduler.Schedule(stack, "Schedule", schedule=rate, target=target)


def _queue(stack, **settings):
    queue = sqs.Queue(stack, "Queue", **settings)
    output(stack, "Queue", queue.queue_url)
    return queue


def _read_stream(stack):
    """Create a stream that a function reads."""
    stream = kinesis.Stream(stack, "Stream", stream_mode=kinesis.StreamMode.PROVISIONED)
    start = lambda_.StartingPosition.TRIM_HORIZON
    function(stack).add_event_source(sources.KinesisEventSource(stream, starting_position=start))
    return stream


def schedule_to_function(stack):
    """A schedule invokes a function."""
    _daily(stack, scheduler_targets.LambdaInvoke(function(stack), input=INPUT))


def schedule_to_topic(stack):
    """A schedule publishes to a topic."""
    topic = sns.Topic(stack, "Topic")
    topic.add_subscription(subscriptions.SqsSubscription(_queue(stack), raw_message_delivery=True))
    _daily(stack, scheduler_targets.SnsPublish(topic, input=INPUT))


def schedule_to_stream(stack):
    """A schedule puts records on a stream."""
    stream = _read_stream(stack)
    _daily(stack, scheduler_targets.KinesisStreamPutRecord(stream, partition_key="hourly", input=INPUT))


def schedule_to_state_machine(stack):
    """A schedule starts a state machine."""
    done = sfn.DefinitionBody.from_chainable(sfn.Succeed(stack, "Done"))
    machine = sfn.StateMachine(stack, "Machine", definition_body=done)
    output(stack, "Machine", machine.state_machine_arn)
    _daily(stack, scheduler_targets.StepFunctionsStartExecution(machine, input=INPUT))


def schedule_to_bus(stack):
    """A schedule puts events on a bus, from where they reach a queue."""
    bus = events.EventBus(stack, "Bus")
    pattern = events.EventPattern(source=["hourly"])
    events.Rule(stack, "Rule", event_bus=bus, event_pattern=pattern, targets=[targets.SqsQueue(_queue(stack))])
    entry = scheduler_targets.EventBridgePutEventsEntry(event_bus=bus, source="hourly", detail=INPUT, detail_type="due")
    _daily(stack, scheduler_targets.EventBridgePutEvents(entry))


def log_group_to_function(stack):
    """A subscription filter sends log events that contain a word to a function."""
    group = logs.LogGroup(stack, "Group", removal_policy=cdk.RemovalPolicy.DESTROY)
    output(stack, "Group", group.log_group_name)
    only = logs.FilterPattern.any_term("ERROR")
    group.add_subscription_filter(
        "Filter", destination=destinations.LambdaDestination(function(stack)), filter_pattern=only
    )


def log_group_to_stream(stack):
    """A subscription filter puts all log events on a stream."""
    group = logs.LogGroup(stack, "Group", removal_policy=cdk.RemovalPolicy.DESTROY)
    output(stack, "Group", group.log_group_name)
    everything = logs.FilterPattern.all_events()
    destination = destinations.KinesisDestination(_read_stream(stack))
    group.add_subscription_filter("Filter", destination=destination, filter_pattern=everything)


def device_topic_to_stream(stack):
    """A rule of IoT Core puts the messages of devices on a stream."""
    stream = _read_stream(stack)
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("iot.amazonaws.com"))
    stream.grant_write(role)
    action = iot.CfnTopicRule.KinesisActionProperty(
        role_arn=role.role_arn, stream_name=stream.stream_name, partition_key="${topic(2)}"
    )
    payload = iot.CfnTopicRule.TopicRulePayloadProperty(
        sql="SELECT * FROM 'mills/+/speed'", actions=[iot.CfnTopicRule.ActionProperty(kinesis=action)]
    )
    rule = iot.CfnTopicRule(stack, "Rule", topic_rule_payload=payload)
    rule.node.add_dependency(role)


SCHEDULE_STACKS = (
    schedule_to_function,
    schedule_to_topic,
    schedule_to_stream,
    schedule_to_state_machine,
    schedule_to_bus,
    log_group_to_function,
    log_group_to_stream,
    device_topic_to_stream,
)
