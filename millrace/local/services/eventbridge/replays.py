"""Replays, which publish the events of an archive again, one minute of event time per step.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
"""

from itertools import groupby
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.core.scheduler import Item
from millrace.local.services.eventbridge.archives import ArchivedEvent
from millrace.local.services.eventbridge.buses import Buses

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

STARTING_SECONDS = 1.0
"""How long a replay is STARTING; on AWS it takes minutes."""
_MINUTE = 60


class Replays:
    """Runs moto's replays."""

    def __init__(self, region: "AccountRegion", buses: Buses) -> None:
        self._region = region
        self._buses = buses
        self._next: dict[str, Item] = {}

    def start(self, replay: Any, archive: Any) -> None:
        """Schedule a replay that moto has validated. Called on any thread."""
        replay.start_time = self._region.clock.now()
        replay.last_replayed = None

        def begin() -> None:
            self._set_state(replay, "RUNNING")
            events = [event for event in self._buses.archives.events(archive) if _in_window(replay, event)]
            self._step(replay, [list(group) for _, group in groupby(events, lambda event: event.time // _MINUTE)])

        self._next[replay.name] = self._region.scheduler.after(STARTING_SECONDS, begin, f"replay {replay.name}")

    def _step(self, replay: Any, minutes: list[list[ArchivedEvent]]) -> None:
        if not minutes:
            self._next.pop(replay.name, None)
            self._end(replay, "COMPLETED")
            return
        rules = frozenset(replay.destination.get("FilterArns") or ())
        for event in minutes.pop(0):
            replay.last_replayed = event.time
            envelope = {**event.envelope, "replay-name": replay.name}
            self._buses.publish(replay.destination["Arn"], envelope, rules=rules)
        self._next[replay.name] = self._region.scheduler.soon(
            lambda: self._step(replay, minutes), f"replay {replay.name}"
        )

    def cancel(self, name: str) -> dict[str, str]:
        """Stop a replay. Raises ApiError.

        https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CancelReplay.html
        """
        replay = self.find(name)
        if replay.state.value not in ("STARTING", "RUNNING"):
            raise ApiError("IllegalStatusException", f"Replay {name} is not in a valid state for this operation.")
        self._region.scheduler.cancel(self._next.pop(name))
        self._set_state(replay, "CANCELLING")
        self._region.scheduler.soon(lambda: self._end(replay, "CANCELLED"), f"cancelling of replay {name}")
        return {"ReplayArn": replay.arn, "State": "CANCELLING"}

    def find(self, name: str) -> Any:
        """Return a replay by its name. Raises ApiError."""
        replay = self._region.backends.events.replays.get(name)
        if replay is None:
            raise ApiError("ResourceNotFoundException", f"Replay {name} does not exist.")
        return replay

    def reset(self) -> None:
        """Drop every replay."""
        self._next.clear()

    def _set_state(self, replay: Any, state: str) -> None:
        replay.state = type(replay.state)(state)

    def _end(self, replay: Any, state: str) -> None:
        self._set_state(replay, state)
        replay.end_time = self._region.clock.now()


def _in_window(replay: Any, event: ArchivedEvent) -> bool:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Replay.html."""
    return bool(float(replay.event_start_time) <= event.time < float(replay.event_end_time))
