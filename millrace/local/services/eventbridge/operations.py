"""EventBridge's API, where the plane knows better than moto: what it answers itself, and what it checks first.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Operations.html
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.core.schedule_expressions import ScheduleExpressionError, schedule
from millrace.local.services.eventbridge.buses import Buses
from millrace.local.services.eventbridge.entries import entries_of
from millrace.local.services.eventbridge.inputs import PREDEFINED, placeholders
from millrace.local.services.eventbridge.replays import Replays
from millrace.patterns import InvalidPattern, Pattern, compile_pattern

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Parameters = dict[str, Any]
Answer = dict[str, Any]
MAX_TARGETS = 5
"""Of one rule. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
MAX_ARCHIVE_PATTERN = 4096
_MANDATORY = ("id", "account", "source", "time", "region", "resources", "detail-type")


class EventOperations:
    """`answers` take the parameters of a call and give its answer; `checks` only refuse. Both raise Refused."""

    def __init__(self, region: "AccountRegion", buses: Buses, replays: Replays) -> None:
        self._region = region
        self._buses = buses
        self._replays = replays
        self.answers: dict[str, Callable[[Parameters], Answer]] = {
            "AWSEvents.PutEvents": self._put_events,
            "AWSEvents.TestEventPattern": self._test_event_pattern,
            "AWSEvents.DescribeArchive": self._describe_archive,
            "AWSEvents.ListArchives": self._list_archives,
            "AWSEvents.DescribeReplay": self._describe_replay,
            "AWSEvents.ListReplays": self._list_replays,
            "AWSEvents.CancelReplay": lambda given: self._replays.cancel(given["ReplayName"]),
        }
        self.checks: dict[str, Callable[[Parameters], None]] = {
            "AWSEvents.PutRule": self._check_rule,
            "AWSEvents.PutTargets": self._check_targets,
            "AWSEvents.CreateArchive": _check_archive,
            "AWSEvents.UpdateArchive": _check_archive,
        }

    def _put_events(self, given: Parameters) -> Answer:
        results = self._buses.put(entries_of(given))
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def _test_event_pattern(self, given: Parameters) -> Answer:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html."""
        pattern = _pattern(given.get("EventPattern", ""))
        try:
            event = json.loads(given.get("Event", ""))
        except ValueError as error:
            raise ApiError("ValidationException", f"Parameter Event is not valid. Reason: {error}") from error
        missing = [name for name in _MANDATORY if not isinstance(event, dict) or name not in event]
        if missing:
            reason = f"{', '.join(missing)} must be in the event."
            raise ApiError("ValidationException", f"Parameter Event is not valid. Reason: {reason}")
        return {"Result": pattern.matches(event)}

    def _check_rule(self, given: Parameters) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html."""
        self._check_bus(given)
        if given.get("EventPattern"):
            _pattern(given["EventPattern"])
        if given.get("ScheduleExpression"):
            try:
                schedule(given["ScheduleExpression"])
            except ScheduleExpressionError as error:
                raise ApiError("ValidationException", "Parameter ScheduleExpression is not valid.") from error

    def _check_bus(self, given: Parameters) -> None:
        bus = given.get("EventBusName") or "default"
        if self._region.owner(bus) is not self._region:
            told = f"The local cloud makes rules on buses of their own account and region alone, not on {bus}."
            raise ApiError("ValidationException", told)

    def _check_targets(self, given: Parameters) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html."""
        self._check_bus(given)
        for target in given.get("Targets") or []:
            _check_target(target, self._region.name)
        bus = self._region.backends.events.event_buses.get((given.get("EventBusName") or "default").rpartition("/")[2])
        rule = bus.rules.get(given.get("Rule")) if bus else None
        ids = {target["Id"] for target in [*(rule.targets if rule else []), *(given.get("Targets") or [])]}
        if len(ids) > MAX_TARGETS:
            raise ApiError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")

    def _describe_archive(self, given: Parameters) -> Answer:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeArchive.html."""
        events = self._region.backends.events
        with _errors_of_moto():
            answer = events.describe_archive(given["ArchiveName"])
        return _there(answer | self._buses.archives.figures(events.archives[given["ArchiveName"]]))

    def _list_archives(self, given: Parameters) -> Answer:
        events = self._region.backends.events
        with _errors_of_moto():
            found = events.list_archives(given.get("NamePrefix"), given.get("EventSourceArn"), given.get("State"))
        figures = self._buses.archives.figures
        return {"Archives": [_there(known | figures(events.archives[known["ArchiveName"]])) for known in found]}

    def _describe_replay(self, given: Parameters) -> Answer:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeReplay.html."""
        replay = self._replays.find(given["ReplayName"])
        return _there({**replay.describe(), "EventLastReplayedTime": replay.last_replayed})

    def _list_replays(self, given: Parameters) -> Answer:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListReplays.html."""
        with _errors_of_moto():
            self._region.backends.events.list_replays(
                given.get("NamePrefix"), given.get("EventSourceArn"), given.get("State")
            )
        found = [
            replay
            for replay in self._replays.all()
            if replay.name.startswith(given.get("NamePrefix") or "")
            and given.get("EventSourceArn") in (None, replay.source_arn)
            and given.get("State") in (None, replay.state.value)
        ]
        described = [{**replay.describe_short(), "EventLastReplayedTime": replay.last_replayed} for replay in found]
        return {"Replays": [_there(replay) for replay in described]}


def _check_archive(given: Parameters) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html."""
    if given.get("EventPattern"):
        _pattern(given["EventPattern"], MAX_ARCHIVE_PATTERN)


def _check_target(target: Parameters, own_region: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html."""
    name, arn = target.get("Id"), str(target.get("Arn"))
    region = (*arn.split(":", 4), "", "", "")[3]
    if ":event-bus/" not in arn and region not in ("", own_region):
        raise ApiError(
            "ValidationException",
            f"Parameter Arn of target {name} is not valid. Reason: {arn} is not in {own_region}, and just an event "
            "bus may be a target in another Region.",
        )
    if sum(target.get(kind) is not None for kind in ("Input", "InputPath", "InputTransformer")) > 1:
        raise ApiError(
            "ValidationException",
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}.",
        )
    if str((target.get("DeadLetterConfig") or {}).get("Arn")).endswith(".fifo"):
        raise ApiError("ValidationException", f"The dead-letter queue of target {name} must be a standard queue.")
    transformer = target.get("InputTransformer") or {}
    known = PREDEFINED | (transformer.get("InputPathsMap") or {}).keys()
    for placeholder in placeholders(transformer.get("InputTemplate") or ""):
        if placeholder not in known:
            raise ApiError(
                "ValidationException", f"InputTemplate for target {name} contains invalid placeholder {placeholder}."
            )


def _pattern(text: str, max_length: int | None = None) -> Pattern:
    try:
        return compile_pattern(text, max_length=max_length) if max_length else compile_pattern(text)
    except InvalidPattern as error:
        raise ApiError("InvalidEventPatternException", str(error)) from error


@contextmanager
def _errors_of_moto() -> Iterator[None]:
    from moto.core.exceptions import JsonRESTError  # noqa: PLC0415 - as in state.py

    try:
        yield
    except JsonRESTError as error:
        raise ApiError(error.error_type, error.message) from error


def _there(answer: Answer) -> Answer:
    """Without the fields that have no value."""
    return {name: value for name, value in answer.items() if value is not None}
