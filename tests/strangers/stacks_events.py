"""Stacks with event buses, rules and schedules."""

import aws_cdk as cdk
from aws_cdk import (
    aws_cognito as cognito,
)
from aws_cdk import (
    aws_dynamodb as dynamodb,
)
from aws_cdk import (
    aws_ec2 as ec2,
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
    aws_lambda_event_sources as sources,
)
from aws_cdk import (
    aws_logs as logs,
)
from aws_cdk import (
    aws_scheduler as scheduler,
)
from aws_cdk import (
    aws_scheduler_targets as scheduler_targets,
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
from aws_cdk import (
    aws_stepfunctions as sfn,
)
from aws_cdk import (
    aws_stepfunctions_tasks as tasks,
)
from aws_cdk import (
    aws_wafv2 as wafv2,
)
from parts import function, output


def _bus(stack):
    bus = events.EventBus(stack, "Bus")
    output(stack, "Bus", bus.event_bus_name)
    return bus


def _rule(stack, target, bus=None, source="orders"):
    pattern = events.EventPattern(source=[source])
    return events.Rule(stack, "Rule", event_bus=bus or _bus(stack), event_pattern=pattern, targets=[target])


def _queue(stack, name="Queue", **settings):
    queue = sqs.Queue(stack, name, **settings)
    output(stack, name, queue.queue_url)
    return queue


def rule_to_function(stack):
    """A rule with a dead-letter queue invokes a function."""
    dead = _queue(stack, "Dead")
    _rule(stack, targets.LambdaFunction(function(stack), dead_letter_queue=dead, retry_attempts=2))


def rule_to_queue(stack):
    """A rule sends a transformed event to a queue."""
    message = events.RuleTargetInput.from_object(
        {"order": events.EventField.from_path("$.detail.order"), "text": f"from {events.EventField.source}"}
    )
    _rule(stack, targets.SqsQueue(_queue(stack), message=message))


def rule_to_topic(stack):
    """A rule publishes to a topic, which fans out to a queue and a function by filter policies."""
    topic = sns.Topic(stack, "Topic")
    topic.add_subscription(subscriptions.SqsSubscription(_queue(stack), raw_message_delivery=True))
    big = sns.FilterOrPolicy.filter(sns.SubscriptionFilter.numeric_filter(greater_than=10))
    only_big = {"detail": sns.FilterOrPolicy.policy({"size": big})}
    topic.add_subscription(subscriptions.LambdaSubscription(function(stack), filter_policy_with_message_body=only_big))
    _rule(stack, targets.SnsTopic(topic))


def rule_to_stream(stack):
    """A rule puts records on a stream that a function reads."""
    stream = kinesis.Stream(stack, "Stream", stream_mode=kinesis.StreamMode.PROVISIONED)
    reader = function(stack)
    reader.add_event_source(sources.KinesisEventSource(stream, starting_position=lambda_.StartingPosition.TRIM_HORIZON))
    _rule(stack, targets.KinesisStream(stream, partition_key_path="$.detail.order"))


def rule_to_state_machine(stack):
    """A rule starts a state machine that writes to a table."""
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    item = {"pk": tasks.DynamoAttributeValue.from_string(sfn.JsonPath.string_at("$.detail.order"))}
    put = tasks.DynamoPutItem(stack, "Put", table=table, item=item)
    machine = sfn.StateMachine(stack, "Machine", definition_body=sfn.DefinitionBody.from_chainable(put))
    _rule(stack, targets.SfnStateMachine(machine))
    output(stack, "Table", table.table_name)


def rule_to_log_group(stack):
    """A rule writes events to a log group, whose policy CDK sets by a custom resource."""
    group = logs.LogGroup(stack, "Group", removal_policy=cdk.RemovalPolicy.DESTROY)
    _rule(stack, targets.CloudWatchLogGroup(group))
    output(stack, "Group", group.log_group_name)


def rule_to_bus(stack):
    """A rule forwards events to another bus, from where they reach a queue."""
    other = events.EventBus(stack, "Other")
    pattern = events.EventPattern(source=["orders"])
    target = targets.SqsQueue(_queue(stack))
    events.Rule(stack, "Behind", event_bus=other, event_pattern=pattern, targets=[target])
    _rule(stack, targets.EventBus(other))


def rule_to_api_destination(stack):
    """A rule calls an API whose URL is a parameter of the template."""
    url = cdk.CfnParameter(stack, "HookUrl", type="String")
    key = events.Authorization.api_key("x-api-key", cdk.SecretValue.unsafe_plain_text("secret"))
    connection = events.Connection(stack, "Connection", authorization=key)
    destination = events.ApiDestination(stack, "Destination", connection=connection, endpoint=url.value_as_string)
    _rule(stack, targets.ApiDestination(destination))


def rule_to_node_function(stack):
    """A rule invokes a Python function and a function in another language, which the local cloud cannot run."""
    other = lambda_.Function(
        stack,
        "Other",
        runtime=lambda_.Runtime.NODEJS_22_X,
        handler="index.handler",
        code=lambda_.Code.from_inline("exports.handler = async () => {}"),
        retry_attempts=0,
        dead_letter_queue=_queue(stack, "Dead"),
    )
    output(stack, "Other", other.function_name)
    _rule(stack, targets.LambdaFunction(other)).add_target(targets.LambdaFunction(function(stack)))


def archive_with_bus_policy(stack):
    """A bus with an archive, which allows the whole account."""
    bus = _bus(stack)
    bus.archive("Archive", event_pattern=events.EventPattern(source=["orders"]), retention=cdk.Duration.days(1))
    bus.grant_put_events_to(function(stack), "AllowFunction")
    _rule(stack, targets.SqsQueue(_queue(stack)), bus)


def scheduled_rule(stack):
    """A scheduled rule invokes a function each hour."""
    rate = events.Schedule.rate(cdk.Duration.hours(1))
    events.Rule(stack, "Rule", schedule=rate, targets=[targets.LambdaFunction(function(stack))])


def schedule_to_queue(stack):
    """EventBridge Scheduler sends to a queue, with AWS's samples' grammar of a rate."""
    queue = _queue(stack)
    expression = scheduler.ScheduleExpression.expression("rate(5 minute)")
    target = scheduler_targets.SqsSendMessage(queue, input=scheduler.ScheduleTargetInput.from_object({"n": 1}))
    scheduler.Schedule(stack, "Schedule", schedule=expression, target=target)


class _Consumers(cdk.NestedStack):
    def __init__(self, scope, bus):
        super().__init__(scope, "Consumers")
        self.queue = sqs.Queue(self, "Queue")
        pattern = events.EventPattern(source=["orders"])
        events.Rule(self, "Rule", event_bus=bus, event_pattern=pattern, targets=[targets.SqsQueue(self.queue)])


def nested_stack(stack):
    """A nested stack gets the bus of its parent, and returns its queue."""
    output(stack, "Queue", _Consumers(stack, _bus(stack)).queue.queue_url)


def function_in_a_vpc(stack):
    """A rule invokes a function in a VPC, next to a web ACL and a user pool."""
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
    allowed = wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=False, metric_name="m", sampled_requests_enabled=False
    )
    action = wafv2.CfnWebACL.DefaultActionProperty(allow={})
    wafv2.CfnWebACL(stack, "Acl", default_action=action, scope="REGIONAL", visibility_config=allowed)
    pool = cognito.UserPool(stack, "Pool")
    _rule(stack, targets.LambdaFunction(function(stack, vpc=vpc, environment={"POOL": pool.user_pool_id})))


EVENT_STACKS = (
    nested_stack,
    function_in_a_vpc,
    rule_to_function,
    rule_to_queue,
    rule_to_topic,
    rule_to_stream,
    rule_to_state_machine,
    rule_to_log_group,
    rule_to_bus,
    rule_to_api_destination,
    rule_to_node_function,
    archive_with_bus_policy,
    scheduled_rule,
    schedule_to_queue,
)
