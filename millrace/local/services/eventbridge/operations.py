"""EventBridge API operations that the local cloud answers instead of moto, and checks before moto answers.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Operations.html
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.core.schedule_expressions import ScheduleExpressionError, schedule
from millrace.local.services.eventbridge.buses import Buses
from millrace.local.services.eventbridge.put_events import entries_of
from millrace.local.services.eventbridge.replays import Replays
from millrace.local.services.eventbridge.target_input import PREDEFINED_VARIABLES, placeholders
from millrace.local.services.eventbridge.validation import Validation, check_rule_name, page
from millrace.patterns import InvalidPatternError, Pattern, compile_pattern

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Parameters = dict[str, Any]
Answer = dict[str, Any]
MAX_TARGETS = 5
"""Per rule. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
MAX_ARCHIVE_PATTERN = 4096
_MANDATORY = ("id", "account", "source", "time", "region", "resources", "detail-type")


class EventOperations:
    """`answers` map operations to functions from parameters to the response; `checks` raise ApiError."""

    def __init__(self, region: "AccountRegion", buses: Buses, replays: Replays) -> None:
        self._region = region
        self._buses = buses
        self._replays = replays
        self._validation = Validation(region)
        self.answers: dict[str, Callable[[Parameters], Answer]] = {
            "AWSEvents.PutEvents": self._put_events,
            "AWSEvents.TestEventPattern": self._test_event_pattern,
            "AWSEvents.ListEventBuses": self._list_event_buses,
            "AWSEvents.ListTargetsByRule": self._list_targets,
            "AWSEvents.DescribeArchive": self._describe_archive,
            "AWSEvents.ListArchives": self._list_archives,
            "AWSEvents.DescribeReplay": self._describe_replay,
            "AWSEvents.ListReplays": self._list_replays,
            "AWSEvents.CancelReplay": lambda params: self._replays.cancel(params["ReplayName"]),
        }
        self.checks: dict[str, Callable[[Parameters], None]] = {
            **self._validation.checks,
            "AWSEvents.PutRule": self._check_rule,
            "AWSEvents.PutTargets": self._check_targets,
            "AWSEvents.CreateArchive": _check_archive,
            "AWSEvents.UpdateArchive": _check_archive,
        }

    def _put_events(self, params: Parameters) -> Answer:
        results = self._buses.put(entries_of(params))
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def _test_event_pattern(self, params: Parameters) -> Answer:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html."""
        pattern = _pattern(params.get("EventPattern", ""))
        try:
            event = json.loads(params.get("Event", ""))
        except ValueError as error:
            raise ApiError("ValidationException", f"Parameter Event is not valid. Reason: {error}") from error
        missing = [name for name in _MANDATORY if not isinstance(event, dict) or name not in event]
        if missing:
            reason = f"{', '.join(missing)} must be in the event."
            raise ApiError("ValidationException", f"Parameter Event is not valid. Reason: {reason}")
        return {"Result": pattern.matches(event)}

    def _list_event_buses(self, params: Parameters) -> Answer:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListEventBuses.html."""
        buses = self._region.backends.events.event_buses
        names = sorted(name for name in buses if name.startswith(params.get("NamePrefix") or ""))
        shown, token = page(names, params)
        return {"EventBuses": [_bus(buses[name]) for name in shown]} | token

    def _list_targets(self, params: Parameters) -> Answer:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTargetsByRule.html."""
        shown, token = page(self._validation.rule(params, "Rule").targets, params)
        return {"Targets": shown} | token

    def _check_rule(self, params: Parameters) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html."""
        self._check_bus(params)
        check_rule_name(params)
        if params.get("EventPattern"):
            _pattern(params["EventPattern"])
        if params.get("ScheduleExpression"):
            try:
                schedule(params["ScheduleExpression"])
            except ScheduleExpressionError as error:
                raise ApiError("ValidationException", "Parameter ScheduleExpression is not valid.") from error

    def _check_bus(self, params: Parameters) -> None:
        bus = params.get("EventBusName") or "default"
        if self._region.owner(bus) is not self._region:
            raise ApiError(
                "ValidationException",
                f"The local cloud creates rules only on buses of the caller's account and region, not on {bus}.",
            )

    def _check_targets(self, params: Parameters) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html."""
        self._check_bus(params)
        for number, target in enumerate(params.get("Targets") or [], 1):
            _check_target(target, self._region.name)
            self._validation.check_target(number, target)
        bus = self._region.backends.events.event_buses.get((params.get("EventBusName") or "default").rpartition("/")[2])
        rule = bus.rules.get(params.get("Rule")) if bus else None
        ids = {target["Id"] for target in [*(rule.targets if rule else []), *(params.get("Targets") or [])]}
        if len(ids) > MAX_TARGETS:
            raise ApiError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")

    def _describe_archive(self, params: Parameters) -> Answer:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeArchive.html."""
        events = self._region.backends.events
        with _as_api_errors():
            answer = events.describe_archive(params["ArchiveName"])
        return _without_none(answer | self._buses.archives.counts(events.archives[params["ArchiveName"]]))

    def _list_archives(self, params: Parameters) -> Answer:
        events = self._region.backends.events
        with _as_api_errors():
            found = events.list_archives(params.get("NamePrefix"), params.get("EventSourceArn"), params.get("State"))
        counts = self._buses.archives.counts
        shown, token = page(found, params)
        return {
            "Archives": [_without_none(each | counts(events.archives[each["ArchiveName"]])) for each in shown]
        } | token

    def _describe_replay(self, params: Parameters) -> Answer:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeReplay.html."""
        replay = self._replays.find(params["ReplayName"])
        return _replay(replay, replay.describe())

    def _list_replays(self, params: Parameters) -> Answer:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListReplays.html."""
        prefix, source, state = (params.get(name) for name in ("NamePrefix", "EventSourceArn", "State"))
        events = self._region.backends.events
        with _as_api_errors():
            events.list_replays(prefix, source, state)
        found = [
            replay
            for replay in list(events.replays.values())
            if replay.name.startswith(prefix or "")
            and source in (None, replay.source_arn)
            and state in (None, replay.state.value)
        ]
        shown, token = page(found, params)
        return {"Replays": [_replay(replay, replay.describe_short()) for replay in shown]} | token


def _bus(bus: Any) -> Answer:
    times = {"CreationTime": bus.creation_time, "LastModifiedTime": bus.last_modified_time}
    described = {"Name": bus.name, "Arn": bus.arn, "Description": bus.description, "Policy": bus.policy}
    return _without_none(described | times)


def _check_archive(params: Parameters) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html."""
    if params.get("EventPattern"):
        _pattern(params["EventPattern"], MAX_ARCHIVE_PATTERN)


def _check_target(target: Parameters, own_region: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html."""
    name, arn = target.get("Id"), str(target.get("Arn"))
    region = (*arn.split(":", 4), "", "", "")[3]
    if ":event-bus/" not in arn and region not in ("", own_region):
        raise ApiError(
            "ValidationException",
            f"Parameter Arn of target {name} is not valid. Reason: {arn} is not in {own_region}. Only an event bus can "
            "be a target in another Region.",
        )
    if sum(target.get(kind) is not None for kind in ("Input", "InputPath", "InputTransformer")) > 1:
        raise ApiError(
            "ValidationException",
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}.",
        )
    if str((target.get("DeadLetterConfig") or {}).get("Arn")).endswith(".fifo"):
        raise ApiError("ValidationException", f"The dead-letter queue of target {name} must be a standard queue.")
    transformer = target.get("InputTransformer") or {}
    known = PREDEFINED_VARIABLES | (transformer.get("InputPathsMap") or {}).keys()
    for placeholder in placeholders(transformer.get("InputTemplate") or ""):
        if placeholder not in known:
            raise ApiError(
                "ValidationException", f"InputTemplate for target {name} contains invalid placeholder {placeholder}."
            )


def _pattern(text: str, max_length: int | None = None) -> Pattern:
    try:
        return compile_pattern(text, max_length=max_length) if max_length else compile_pattern(text)
    except InvalidPatternError as error:
        raise ApiError("InvalidEventPatternException", str(error)) from error


@contextmanager
def _as_api_errors() -> Iterator[None]:
    from moto.core.exceptions import JsonRESTError

    try:
        yield
    except JsonRESTError as error:
        raise ApiError(error.error_type, error.message) from error


def _without_none(answer: Answer) -> Answer:
    return {name: value for name, value in answer.items() if value is not None}


def _replay(replay: Any, described: Mapping[str, Any]) -> Answer:
    return _without_none({**described, "EventLastReplayedTime": replay.last_replayed})
