"""CloudWatch alarms of the constructs."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.function.project import staged
from millrace.runtime.breaker import METRIC
from millrace.runtime.observe import NAMESPACE
from millrace.runtime.waiting import LONGEST_DELAY

_MINUTES = 5
_AGE_LIMIT_MINUTES = 15


class Alarms(Construct):
    """The alarms of one construct, which notify a topic if there is one."""

    def __init__(self, scope: Construct, topic: sns.ITopic | None) -> None:
        super().__init__(scope, "Alarms")
        self._topic = topic

    def dead_letters(self, queue: sqs.Queue) -> None:
        """Alarm when a dead-letter queue is not empty."""
        metric = queue.metric_approximate_number_of_messages_visible(period=_period(), statistic="Maximum")
        self._alarm("DeadLetters", metric, "The dead-letter queue contains events.")

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
        """Alarm when a function raises errors or is throttled."""
        self._alarm("Errors", function.metric_errors(period=_period()), "The function raises errors.")
        self._alarm("Throttles", function.metric_throttles(period=_period()), "The function is throttled.")

    def loops(self, function: lambda_.Function) -> None:
        """Alarm when Lambda stops messages of a function because of a recursive loop.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        """
        metric = function.metric("RecursiveInvocationsDropped", period=_period(), statistic="Sum")
        self._alarm("Loops", metric, "Lambda stops messages that have invoked the function too often.")

    def machine(self, machine: sfn.StateMachine) -> None:
        """Alarm when executions of a state machine fail or time out."""
        self._alarm("Failed", machine.metric_failed(period=_period()), "Executions fail.")
        self._alarm("TimedOut", machine.metric_timed_out(period=_period()), "Executions time out.")

    def _alarm(self, name: str, metric: cloudwatch.Metric, description: str, threshold: float = 1) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{self.node.path}: {description}",
        )
        if self._topic:
            alarm.add_alarm_action(actions.SnsAction(self._topic))


def _period() -> Duration:
    period: Duration = Duration.minutes(_MINUTES)
    return period


def _age_limit(limit: Duration | None) -> Duration:
    return limit or Duration.minutes(_AGE_LIMIT_MINUTES)
