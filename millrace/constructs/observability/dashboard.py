"""A CloudWatch dashboard with one graph per kind of alarm."""

from collections.abc import Iterator, Sequence
from typing import cast

import jsii
from aws_cdk import Aspects, IAspect, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct, IConstruct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.observability.alarms import Alarms

TITLES = {
    "DeadLetters": "Events in dead-letter queues",
    "Failed": "Failed executions",
    "TimedOut": "Timed-out executions",
    "Aborted": "Aborted executions",
    "Undelivered": "Events that rules cannot deliver",
    "Dropped": "Asynchronous events that Lambda drops",
    "Concurrency": "Concurrent executions of the account",
    "ServerErrors": "Requests with 5xx (%)",
    "Latency": "Latency of the API (p99, ms)",
    "TableThrottles": "Throttled requests to tables",
    "Age": "Age of the oldest event (s)",
    "Lag": "Iterator age of streams (ms)",
    "Errors": "Function errors (%)",
    "Throttles": "Function throttles (%)",
    "Loops": "Invocations dropped as recursive",
    "Circuit": "Open circuit breakers",
}
"""Graph titles by alarm name; a graph without alarms is omitted."""
MAX_ALARMS = 100
"""Of an alarm widget: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html"""
_WIDTH = 24
_HEIGHT = 6


class Dashboard(Construct):
    """A dashboard named after the bus, with the state and the metrics of all alarms of its stack.

    stacks: The stacks whose alarms it shows, if an app has several; its own by default.
    Alarms that are created after the dashboard are included.
    """

    def __init__(self, scope: Construct, id: str, *, bus: Bus, stacks: Sequence[Stack] = ()) -> None:  # noqa: A002 - CDK's own name
        super().__init__(scope, id)
        self._stacks = stacks or [Stack.of(self)]
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=bus.name)
        Aspects.of(self).add(cast("IAspect", _AddWidgets(self)))

    def add_widgets(self) -> None:
        """Add the widgets, once every construct exists."""
        alarms = [alarm for stack in self._stacks for alarm in _alarms(stack)]
        graphs = [_graph(title, found) for kind, title in TITLES.items() if (found := _of_kind(alarms, kind))]
        for number in range(0, max(len(alarms), 1), MAX_ALARMS):
            part = alarms[number : number + MAX_ALARMS]
            title = f"Alarms {number // MAX_ALARMS + 1}" if number else "Alarms"
            self.dashboard.add_widgets(
                cloudwatch.AlarmStatusWidget(title=title, alarms=part, width=_WIDTH, height=_HEIGHT)
            )
        for number in range(0, len(graphs), 2):
            self.dashboard.add_widgets(*graphs[number : number + 2])


@jsii.implements(IAspect)
class _AddWidgets:
    """Add the widgets when the construct tree is complete."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard

    def visit(self, node: IConstruct) -> None:
        """Visit the dashboard."""
        if node.node.path == self._dashboard.node.path:
            self._dashboard.add_widgets()


def _alarms(stack: Stack) -> Iterator[cloudwatch.Alarm]:
    """Return the alarms of Millrace constructs."""
    for found in stack.node.find_all():
        if isinstance(found, Alarms):
            yield from cast("list[cloudwatch.Alarm]", found.node.children)


def _of_kind(alarms: list[cloudwatch.Alarm], kind: str) -> list[cloudwatch.Alarm]:
    return [alarm for alarm in alarms if alarm.node.id == kind]


def _graph(title: str, alarms: list[cloudwatch.Alarm]) -> cloudwatch.GraphWidget:
    """Graph each metric, labelled with the path of its construct within the stack."""
    metrics = [
        cast("cloudwatch.Metric | cloudwatch.MathExpression", alarm.metric).with_(label=_name(alarm))
        for alarm in alarms
    ]
    return cloudwatch.GraphWidget(title=title, left=metrics, width=_WIDTH // 2, height=_HEIGHT)


def _name(alarm: cloudwatch.Alarm) -> str:
    """Return `Loyalty/AwardPoints` for `Shop/Loyalty/AwardPoints/Alarms/Age`."""
    return "/".join(str(alarm.node.path).split("/")[1:-2])
