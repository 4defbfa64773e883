"""Rules that run on a schedule.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from millrace.local.core.clock import iso
from millrace.local.core.schedule_expressions import Schedule, schedule
from millrace.local.core.scheduler import ScheduledAction
from millrace.local.services.eventbridge.buses import Buses

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


@dataclass
class _Running:
    """A rule's schedule, from the moment it began, and its next run on the agenda."""

    expression: str
    schedule: Schedule
    began: float
    item: ScheduledAction | None = None


class Schedules:
    """Runs the enabled rules that have a schedule; only the default bus has such rules.

    A flow does not wait for them: their runs are on the agenda beside it.
    """

    def __init__(self, region: "AccountRegion", buses: Buses) -> None:
        self._region = region
        self._buses = buses
        self._running: dict[str, _Running] = {}

    def changed(self) -> None:
        """Begin and end schedules as the rules now have it; one that did not change goes on."""
        wanted = {rule.name: rule.scheduled_expression for rule in self._rules()}
        for name in [name for name, known in self._running.items() if wanted.get(name) != known.expression]:
            self._end(name)
        for name, expression in wanted.items():
            if name not in self._running:
                began = self._region.clock.now()
                self._running[name] = _Running(expression, schedule(expression), began)
                self._plan(name, began)

    def reset(self) -> None:
        """End every schedule."""
        for name in list(self._running):
            self._end(name)

    def _rules(self) -> list[Any]:
        rules = list(self._region.backends.events.event_buses["default"].rules.values())
        return [rule for rule in rules if rule.scheduled_expression and rule.state != "DISABLED"]

    def _end(self, name: str) -> None:
        item = self._running.pop(name).item
        if item:
            self._region.scheduler.cancel(item)

    def _plan(self, name: str, after: float) -> None:
        running = self._running[name]
        due = running.schedule.after(after, running.began)
        if due is not None:
            running.item = self._region.scheduler.at(due, lambda: self._run(name, due), f"schedule {name}", flow=False)

    def _run(self, name: str, due: float) -> None:
        self._plan(name, due)
        rule = self._region.backends.events.event_buses["default"].rules.get(name)
        if rule is not None:
            self._buses.deliver(self._envelope(rule, due), rule)

    def _envelope(self, rule: Any, due: float) -> dict[str, Any]:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html."""
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": self._region.account,
            "time": iso(due),
            "region": self._region.name,
            "resources": [rule.arn],
            "detail": {},
        }
