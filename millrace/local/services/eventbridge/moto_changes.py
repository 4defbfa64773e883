"""Changes to moto's EventBridge."""

from collections.abc import Callable
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace
from millrace.local.services.eventbridge.service import EventBridge


def apply(region: Callable[..., AccountRegion]) -> None:
    """Run replays here: moto replays the whole archive within StartReplay and ignores its window and rules."""
    from moto.events.models import Replay  # noqa: PLC0415

    def replay_events(replay: Any, archive: Any) -> None:
        region(archive.arn).service(EventBridge).replays.start(replay, archive)

    replace(Replay, "replay_events", replay_events)
