"""Replays: archived events put onto their bus again, minute by minute of the time in which they happened.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
"""

from itertools import groupby
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.core.scheduler import ScheduledAction
from millrace.local.services.eventbridge.archives import Kept
from millrace.local.services.eventbridge.buses import Buses

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

STARTING_SECONDS = 1.0
"""How long a replay is STARTING; on AWS it takes minutes."""
_MINUTE = 60


class Replays:
    """Runs the replays of moto on the agenda."""

    def __init__(self, region: "AccountRegion", buses: Buses) -> None:
        self._region = region
        self._buses = buses
        self._next: dict[str, ScheduledAction] = {}

    def start(self, replay: Any, archive: Any) -> None:
        """Put a replay on the agenda; moto has checked it, in whichever thread."""
        replay.start_time = self._region.clock.now()
        replay.last_replayed = None
        minutes: list[list[Kept]] = []

        def begin() -> None:
            self._become(replay, "RUNNING")
            events = [kept for kept in self._buses.archives.events(archive) if _within(replay, kept)]
            minutes.extend(list(group) for _, group in groupby(events, lambda kept: kept.happened // _MINUTE))
            self._step(replay, minutes)

        name = f"replay {replay.name}"
        self._next[replay.name] = self._region.scheduler.after(STARTING_SECONDS, begin, name)

    def _step(self, replay: Any, minutes: list[list[Kept]]) -> None:
        if not minutes:
            self._next.pop(replay.name, None)
            self._end(replay, "COMPLETED")
            return
        only = frozenset(replay.destination.get("FilterArns") or ())
        for kept in minutes.pop(0):
            self._put(replay, kept, only)
        self._next[replay.name] = self._region.scheduler.soon(
            lambda: self._step(replay, minutes), f"replay {replay.name}"
        )

    def _put(self, replay: Any, kept: Kept, only: frozenset[str]) -> None:
        """The envelope stays what it was, and names its replay."""
        envelope = {**kept.envelope, "replay-name": replay.name}
        replay.last_replayed = kept.happened
        self._buses.publish(replay.destination["Arn"], envelope, only=only)

    def cancel(self, name: str) -> dict[str, str]:
        """CancelReplay: nothing more of it is put. Raises Refused.

        https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CancelReplay.html
        """
        replay = self.find(name)
        if replay.state.value not in ("STARTING", "RUNNING"):
            raise ApiError("IllegalStatusException", f"Replay {name} is not in a valid state for this operation.")
        self._region.scheduler.cancel(self._next.pop(name))
        self._become(replay, "CANCELLING")
        self._region.scheduler.soon(lambda: self._end(replay, "CANCELLED"), f"cancelling of replay {name}")
        return {"ReplayArn": replay.arn, "State": "CANCELLING"}

    def find(self, name: str) -> Any:
        """The replay of a name. Raises Refused."""
        replay = self._region.backends.events.replays.get(name)
        if replay is None:
            raise ApiError("ResourceNotFoundException", f"Replay {name} does not exist.")
        return replay

    def all(self) -> list[Any]:
        """Every replay."""
        return list(self._region.backends.events.replays.values())

    def reset(self) -> None:
        """Drop every replay."""
        self._next.clear()

    def _become(self, replay: Any, state: str) -> None:
        replay.state = type(replay.state)(state)

    def _end(self, replay: Any, state: str) -> None:
        self._become(replay, state)
        replay.end_time = self._region.clock.now()


def _within(replay: Any, kept: Kept) -> bool:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Replay.html."""
    return bool(float(replay.event_start_time) <= kept.happened < float(replay.event_end_time))
