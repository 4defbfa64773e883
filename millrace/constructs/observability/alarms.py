"""Alarms: what a person wants to hear of, each in one line."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.runtime.breaker import METRIC
from millrace.runtime.observe import NAMESPACE
from millrace.runtime.waiting import LONGEST_DELAY

_MINUTES = 5
_LATE_MINUTES = 15


class Alarms(Construct):
    """The alarms of one construct; with a topic, they are sent there."""

    def __init__(self, scope: Construct, topic: sns.ITopic | None) -> None:
        super().__init__(scope, "Alarms")
        self._topic = topic

    def dead_letters(self, queue: sqs.Queue) -> None:
        """A dead-letter queue is not empty."""
        metric = queue.metric_approximate_number_of_messages_visible(period=_period(), statistic="Maximum")
        self._alarm("DeadLetters", metric, "Events were given up and wait in the dead-letter queue.")

    def age(self, queue: sqs.Queue, limit: Duration | None) -> None:
        """The oldest message of a queue has waited for longer than a limit, 15 minutes by default."""
        metric = queue.metric_approximate_age_of_oldest_message(period=_period(), statistic="Maximum")
        self._alarm("Age", metric, "Events wait for longer than they should.", _late(limit).to_seconds())

    def lag(self, function: lambda_.Function, limit: Duration | None) -> None:
        """The last record that a function took from a stream had waited there for longer than a limit, as above."""
        metric = function.metric("IteratorAge", period=_period(), statistic="Maximum")
        most = _late(limit).to_milliseconds()
        self._alarm("Lag", metric, "Records wait in the stream for longer than they should.", most)

    def circuit(self, name: str, function: str) -> None:
        """A circuit breaker of a function is open, or was; an event that waits looks every 15 minutes at least."""
        dimensions = {"circuit": name, "service": function}
        metric = cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=METRIC,
            dimensions_map=dimensions,
            period=Duration.seconds(LONGEST_DELAY),
            statistic="Maximum",
        )
        self._alarm("Circuit", metric, f"The circuit {name} is open: events wait.")

    def function(self, function: lambda_.Function) -> None:
        """A function raises errors, or is throttled."""
        self._alarm("Errors", function.metric_errors(period=_period()), "The function raises errors.")
        self._alarm("Throttles", function.metric_throttles(period=_period()), "The function is throttled.")

    def machine(self, machine: sfn.StateMachine) -> None:
        """Executions of a state machine fail or run out of time."""
        self._alarm("Failed", machine.metric_failed(period=_period()), "Executions fail.")
        self._alarm("TimedOut", machine.metric_timed_out(period=_period()), "Executions run out of time.")

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


def _late(limit: Duration | None) -> Duration:
    return limit or Duration.minutes(_LATE_MINUTES)
