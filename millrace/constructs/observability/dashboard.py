"""The dashboard: what the alarms of a bus watch, one graph for each question."""

from collections.abc import Iterator
from typing import cast

import jsii
from aws_cdk import Aspects, IAspect, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct, IConstruct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.observability.alarms import Alarms

QUESTIONS = {
    "DeadLetters": "What was given up",
    "Failed": "Which executions fail",
    "TimedOut": "Which executions run out of time",
    "Age": "How long the oldest event waits (s)",
    "Lag": "How long records wait in streams (ms)",
    "Errors": "Which functions raise errors",
    "Throttles": "Which functions are throttled",
    "Circuit": "Which circuit breakers are open",
}
"""By the name of the alarm; what no alarm watches has no graph."""
_WIDE = 24
_HIGH = 6


class Dashboard(Construct):
    """A dashboard named after the bus: the state of every alarm, and a graph of what each kind of them watches.

    It shows the alarms of its whole stack, those that are made after it, too.
    """

    def __init__(self, scope: Construct, id: str, *, bus: Bus) -> None:  # noqa: A002 - CDK's own name
        super().__init__(scope, id)
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=bus.name)
        Aspects.of(self).add(cast("IAspect", _Filled(self)))

    def fill(self) -> None:
        """Add what there is to show; by then every construct is made."""
        alarms = list(_alarms(Stack.of(self)))
        status = cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=_WIDE, height=_HIGH)
        graphs = [_graph(title, found) for kind, title in QUESTIONS.items() if (found := _of_kind(alarms, kind))]
        self.dashboard.add_widgets(status)
        for number in range(0, len(graphs), 2):
            self.dashboard.add_widgets(*graphs[number : number + 2])


@jsii.implements(IAspect)
class _Filled:
    """Fills a dashboard when the tree of constructs is whole."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard

    def visit(self, node: IConstruct) -> None:
        """Once, at the dashboard itself."""
        if node.node.path == self._dashboard.node.path:
            self._dashboard.fill()


def _alarms(stack: Stack) -> Iterator[cloudwatch.Alarm]:
    """Each alarm of the kit's constructs."""
    for found in stack.node.find_all():
        if isinstance(found, Alarms):
            yield from cast("list[cloudwatch.Alarm]", found.node.children)


def _of_kind(alarms: list[cloudwatch.Alarm], kind: str) -> list[cloudwatch.Alarm]:
    return [alarm for alarm in alarms if alarm.node.id == kind]


def _graph(title: str, alarms: list[cloudwatch.Alarm]) -> cloudwatch.GraphWidget:
    """Each metric under the name of its construct, as the path from the stack tells it."""
    metrics = [cast("cloudwatch.Metric", alarm.metric).with_(label=_name(alarm)) for alarm in alarms]
    return cloudwatch.GraphWidget(title=title, left=metrics, width=_WIDE // 2, height=_HIGH)


def _name(alarm: cloudwatch.Alarm) -> str:
    """`Loyalty/AwardPoints`, of `Shop/Loyalty/AwardPoints/Alarms/Age`."""
    return "/".join(str(alarm.node.path).split("/")[1:-2])
