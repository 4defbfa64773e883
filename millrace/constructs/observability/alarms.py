"""CloudWatch alarms of the constructs."""

import hashlib
from collections.abc import Sequence
from typing import cast

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.function.project import staged
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.runtime.breaker import METRIC
from millrace.runtime.observe import NAMESPACE
from millrace.runtime.requeue import LONGEST_DELAY

RUNBOOK = "docs/runbook.md"
ERROR_PERCENT = 5
THROTTLE_PERCENT = 10
CONCURRENCY_PERCENT = 80
SLOW_MILLISECONDS = 3_000
_MAX_METRICS = 8
"""Of one alarm, which has at most ten with its expression.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""
_MINUTES = 5
_AGE_LIMIT_MINUTES = 15
AlarmTopic = sns.ITopic | str
"""A topic, or the e-mail address that a topic of the bus notifies."""


class AlarmTopicError(ValueError):
    """The alarm topic is neither a topic nor an e-mail address."""


def resolve_topic(
    scope: Construct, choice: AlarmTopic | None, *, name: str, key: kms.IKey | None, existing: bool
) -> sns.ITopic | None:
    """Return the given topic. For an e-mail address, create a topic that notifies it, or refer to an existing one."""
    if not isinstance(choice, str):
        return choice
    if "@" not in choice:
        raise AlarmTopicError(f"alarm_topic is {choice!r}: give an e-mail address, or Topic.from_topic_arn(…).")
    if existing:
        arn = Stack.of(scope).format_arn(service="sns", resource=name)
        return cast("sns.ITopic", sns.Topic.from_topic_arn(scope, "AlarmTopic", arn))
    topic = sns.Topic(scope, "AlarmTopic", topic_name=name, master_key=key, enforce_ssl=True)
    topic.add_to_resource_policy(_publish_alarms(topic))
    subscription = topic.add_subscription(subscriptions.EmailSubscription(choice))
    acknowledge(subscription, "CloudWatch stores the history of each alarm.", "Serverless-SNSRedrivePolicy")
    return topic


def _publish_alarms(topic: sns.Topic) -> iam.PolicyStatement:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html."""
    stack = Stack.of(topic)
    alarms = stack.format_arn(
        service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    return iam.PolicyStatement(
        sid="Alarms",
        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions=["sns:Publish"],
        resources=[topic.topic_arn],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": alarms}},
    )


class Alarms(Construct):
    """The alarms of one construct, which notify a topic if there is one."""

    def __init__(self, scope: Construct, topic: sns.ITopic | None) -> None:
        super().__init__(scope, "Alarms")
        self._topic = topic

    def dead_letters(self, queue: sqs.Queue) -> None:
        """Alarm when a dead-letter queue is not empty.

        SQS reports no metrics of a queue without activity for six hours. The alarm keeps its state then, because the
        dead letters may still be in the queue.
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-cloudwatch.html
        """
        metric = queue.metric_approximate_number_of_messages_visible(period=_period(), statistic="Maximum")
        description = "The dead-letter queue contains events."
        self._alarm("DeadLetters", metric, description, missing=cloudwatch.TreatMissingData.IGNORE)

    def age(self, queue: sqs.Queue, limit: Duration | None) -> None:
        """Alarm when the oldest message of a queue is older than a limit, 15 minutes by default."""
        metric = queue.metric_approximate_age_of_oldest_message(period=_period(), statistic="Maximum")
        self._alarm("Age", metric, "Events wait too long in the queue.", _age_limit(limit).to_seconds())

    def lag(self, function: lambda_.Function, limit: Duration | None) -> None:
        """Alarm when a function reads records of a stream that are older than a limit, 15 minutes by default."""
        metric = function.metric("IteratorAge", period=_period(), statistic="Maximum")
        self._alarm("Lag", metric, "Records wait too long in the stream.", _age_limit(limit).to_milliseconds())

    def circuit(self, name: str, function: str) -> None:
        """Alarm when a circuit breaker is open. Waiting events check it, and report it, at least every 15 minutes."""
        dimensions = {"circuit": name, "service": function}
        metric = cloudwatch.Metric(
            namespace=staged(self, NAMESPACE, separator="/"),
            metric_name=METRIC,
            dimensions_map=dimensions,
            period=Duration.seconds(LONGEST_DELAY),
            statistic="Maximum",
        )
        self._alarm("Circuit", metric, f"The circuit breaker {name} is open; events wait.")

    def function(self, function: lambda_.Function) -> None:
        """Alarm when a share of a function's invocations fails or is throttled, in two of three periods."""
        errors, throttles = function.metric_errors(period=_period()), function.metric_throttles(period=_period())
        invocations = function.metric_invocations(period=_period())
        failed, throttled = _share(errors, invocations, self.node.path), _share(throttles, invocations, self.node.path)
        self._alarm("Errors", failed, "The function raises errors (%).", ERROR_PERCENT, datapoints=2)
        self._alarm("Throttles", throttled, "The function is throttled (%).", THROTTLE_PERCENT, datapoints=2)

    def asynchronous(self, function: lambda_.Function) -> None:
        """Alarm when Lambda drops an asynchronous event, or cannot send it to the on-failure destination.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        """
        names = ("AsyncEventsDropped", "DestinationDeliveryFailures")
        metrics = [function.metric(name, period=_period(), statistic="Sum") for name in names]
        self._alarm(
            "Dropped",
            _sum(metrics, self.node.path),
            "Lambda drops events, or cannot deliver them to the failure destination.",
        )

    def rules(self, rules: Sequence[events.Rule], bus: str) -> None:
        """Alarm when rules lose events: deliveries that fail for good, and that the dead-letter queue rejects.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
        """
        metrics = [
            cloudwatch.Metric(
                namespace="AWS/Events",
                metric_name=name,
                dimensions_map={"EventBusName": bus, "RuleName": rule.rule_name},
                period=_period(),
                statistic="Sum",
            )
            for rule in rules
            for name in ("FailedInvocations", "InvocationsFailedToBeSentToDlq")
        ]
        for number in range(0, len(metrics), _MAX_METRICS):
            part = _sum(metrics[number : number + _MAX_METRICS], f"{self.node.path}/{number}")
            self._alarm(f"Undelivered{number or ''}", part, "Rules cannot deliver events.")

    def concurrency(self, quota: int) -> None:
        """Alarm when the functions of the account use most of its concurrent executions.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-concurrency.html
        """
        metric = cloudwatch.Metric(
            namespace="AWS/Lambda", metric_name="ClaimedAccountConcurrency", period=_period(), statistic="Maximum"
        )
        limit = quota * CONCURRENCY_PERCENT / 100
        self._alarm("Concurrency", metric, "The account uses most of its concurrent executions.", limit)

    def api(self, api: apigateway.HttpApi) -> None:
        """Alarm when a share of the requests fails with 5xx, or when requests are slow, in two of three periods."""
        requests, errors = api.metric_count(period=_period()), api.metric_server_error(period=_period())
        latency = api.metric_latency(period=_period(), statistic="p99")
        self._alarm(
            "ServerErrors",
            _share(errors, requests, self.node.path),
            "Requests fail with 5xx (%).",
            ERROR_PERCENT,
            datapoints=2,
        )
        self._alarm("Latency", latency, "Requests are slow (p99, ms).", SLOW_MILLISECONDS, datapoints=2)

    def table(self, table: dynamodb.Table) -> None:
        """Alarm when DynamoDB throttles writes or reads of a table.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
        """
        names = ("ReadThrottleEvents", "WriteThrottleEvents")
        metrics = [table.metric(name, period=_period(), statistic="Sum") for name in names]
        self._alarm("TableThrottles", _sum(metrics, self.node.path), "DynamoDB throttles requests.")

    def loops(self, function: lambda_.Function) -> None:
        """Alarm when Lambda stops messages of a function because of a recursive loop.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        """
        metric = function.metric("RecursiveInvocationsDropped", period=_period(), statistic="Sum")
        self._alarm("Loops", metric, "Lambda stops messages that have invoked the function too often.")

    def machine(self, machine: sfn.StateMachine) -> None:
        """Alarm when executions of a state machine fail, time out, or are aborted."""
        self._alarm("Failed", machine.metric_failed(period=_period()), "Executions fail.")
        self._alarm("TimedOut", machine.metric_timed_out(period=_period()), "Executions time out.")
        self._alarm("Aborted", machine.metric_aborted(period=_period()), "Executions are aborted.")

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        description: str,
        threshold: float = 1,
        *,
        datapoints: int = 1,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1 if datapoints == 1 else datapoints + 1,
            datapoints_to_alarm=datapoints,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=missing,
            alarm_description=f"{self.node.path}: {description} See {RUNBOOK}#{name.rstrip('0123456789').lower()}",
        )
        if self._topic:
            alarm.add_alarm_action(actions.SnsAction(self._topic))


def _share(part: cloudwatch.Metric, whole: cloudwatch.Metric, path: str) -> cloudwatch.MathExpression:
    """Return a metric as a percentage of another one; of itself if that is larger, as throttles can be."""
    metrics = _identified([part, whole], path)
    first, second = metrics
    expression = f"100 * {first} / MAX([FILL({second}, 0), {first}, 1])"
    return cloudwatch.MathExpression(expression=expression, using_metrics=metrics, period=_period())


def _sum(metrics: Sequence[cloudwatch.Metric], path: str) -> cloudwatch.MathExpression:
    identified = _identified(metrics, path)
    expression = "+".join(f"FILL({name}, 0)" for name in identified)
    return cloudwatch.MathExpression(expression=expression, using_metrics=identified, period=_period())


def _identified(metrics: Sequence[cloudwatch.Metric], path: str) -> dict[str, cloudwatch.IMetric]:
    """Return metrics by ids that are unique in a graph of many alarms. `path` is that of their construct."""
    keys = [f"{path}/{metric.metric_name}/{number}" for number, metric in enumerate(metrics)]
    return {f"m{hashlib.sha256(key.encode()).hexdigest()[:12]}": each for key, each in zip(keys, metrics, strict=True)}


def _period() -> Duration:
    period: Duration = Duration.minutes(_MINUTES)
    return period


def _age_limit(limit: Duration | None) -> Duration:
    return limit or Duration.minutes(_AGE_LIMIT_MINUTES)
