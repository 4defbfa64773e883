"""Rules that run on a schedule.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from millrace.local.core.schedule_expressions import Schedule, schedule
from millrace.local.core.scheduler import Item
from millrace.local.services.eventbridge.buses import Buses
from millrace.local.services.eventbridge.put_events import new_envelope

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


@dataclass
class _Running:
    """A rule's schedule, its start time, and its next run."""

    expression: str
    schedule: Schedule
    began: float
    item: Item | None = None


class ScheduledRules:
    """Runs the enabled rules that have a schedule, which only the default bus supports. No flow waits for a run."""

    def __init__(self, region: "AccountRegion", buses: Buses) -> None:
        self._region = region
        self._buses = buses
        self._running: dict[str, _Running] = {}

    def changed(self) -> None:
        """Start new schedules and end removed ones; unchanged schedules continue."""
        rules = [rule for rule in self._rules().values() if rule.scheduled_expression and rule.state != "DISABLED"]
        wanted = {rule.name: rule.scheduled_expression for rule in rules}
        for name in [name for name, running in self._running.items() if wanted.get(name) != running.expression]:
            self._end(name)
        for name, expression in wanted.items():
            if name not in self._running:
                began = self._region.clock.now()
                self._running[name] = _Running(expression, schedule(expression), began)
                self._schedule_next(name, began)

    def reset(self) -> None:
        """End every schedule."""
        for name in list(self._running):
            self._end(name)

    def _rules(self) -> dict[str, Any]:
        return dict(self._region.backends.events.event_buses["default"].rules)

    def _end(self, name: str) -> None:
        item = self._running.pop(name).item
        if item:
            self._region.scheduler.cancel(item)

    def _schedule_next(self, name: str, after: float) -> None:
        running = self._running[name]
        due = running.schedule.after(after, running.began)
        if due is not None:
            running.item = self._region.scheduler.at(due, lambda: self._run(name, due), f"schedule {name}", flow=False)

    def _run(self, name: str, due: float) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html."""
        self._schedule_next(name, due)
        rule = self._rules().get(name)
        if rule is not None:
            envelope = new_envelope(self._region, "aws.events", "Scheduled Event", {}, [rule.arn], due)
            self._buses.deliver(envelope, rule)
