"""Event patterns, publish conditions, and the retry policy of rules."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events

from millrace.constructs.function.project import EventTypes

PATTERN_CHARACTERS = 2_048
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
Pattern = Mapping[str, Any]
DetailTypes = Mapping[str, Iterable[str]]
"""Detail-types by source."""
RULE_ATTEMPTS = 185
RULE_HOURS = 24
"""The maximum and default of EventBridge: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""


def patterns_excluding(known: DetailTypes, ignored_sources: Sequence[str] | None = ()) -> list[Pattern]:
    """Return patterns that match every event except the known detail-types and all events of ignored sources.

    With `ignored_sources=None`, only events of known sources can match.
    """
    alternatives = list(_alternatives(known, ignored_sources))
    return list(_packed(alternatives))


def _alternatives(known: DetailTypes, ignored_sources: Sequence[str] | None) -> Iterator[Pattern]:
    if ignored_sources is not None:
        excluded = sorted({*known, *ignored_sources})
        yield {"source": [{"anything-but": excluded} if excluded else {"prefix": ""}]}
    for source in sorted(known):
        yield {"source": [source], "detail-type": [{"anything-but": sorted(known[source])}]}


def _packed(alternatives: Sequence[Pattern]) -> Iterator[Pattern]:
    """Combine alternatives into as few patterns as fit into EventBridge's limit for one pattern."""
    batch: list[Pattern] = []
    for alternative in alternatives:
        if batch and len(json.dumps(_any_of([*batch, alternative]), separators=(",", ":"))) > PATTERN_CHARACTERS:
            yield _any_of(batch)
            batch = []
        batch.append(alternative)
    if batch:
        yield _any_of(batch)


def _any_of(alternatives: Sequence[Pattern]) -> Pattern:
    return alternatives[0] if len(alternatives) == 1 else {"$or": list(alternatives)}


def publish_conditions(source: str, detail_types: Iterable[str]) -> dict[str, Any]:
    """Return the IAM conditions that allow PutEvents for these detail-types of a source only.

    Both condition keys are multivalued, and ForAllValues is true for an empty list: hence the Null condition.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    allowed = {"events:source": [source], "events:detail-type": sorted(detail_types)}
    return {"ForAllValues:StringEquals": allowed, "Null": dict.fromkeys(allowed, "false")}


def detail_types_by_source(event_types: EventTypes) -> dict[str, set[str]]:
    """Group the detail-types of events by source."""
    found: dict[str, set[str]] = {}
    for event in event_types:
        found.setdefault(event.contract.source, set()).add(event.contract.detail_type)
    return dict(sorted(found.items()))


def event_patterns(event_types: EventTypes) -> Iterator[events.EventPattern]:
    """Return one pattern per set of detail-types: a pattern matches every combination of its sources and types."""
    sources_by_types: dict[tuple[str, ...], list[str]] = {}
    for source, names in detail_types_by_source(event_types).items():
        sources_by_types.setdefault(tuple(sorted(names)), []).append(source)
    for detail_types, sources in sources_by_types.items():
        yield events.EventPattern(source=sources, detail_type=list(detail_types))


def rule_retry_policy() -> dict[str, Any]:
    """Return the retry policy of every rule target."""
    return {"retry_attempts": RULE_ATTEMPTS, "max_event_age": Duration.hours(RULE_HOURS)}
