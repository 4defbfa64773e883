"""Invariants that hold for most systems under all faults. Each raises InvariantError."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from millrace.events import Event
from millrace.operations.history import Record
from millrace.testing.simulation.simulation import Simulation, name_of

MOST_REPEATS = 5
E = TypeVar("E")


class InvariantError(AssertionError):
    """An invariant does not hold."""


def nothing_lost(simulation: Simulation, of: type[Event] | str, by: str) -> None:
    """Each event of a class was processed by a processor, or is in a dead-letter queue."""
    trace = simulation.trace
    processed = {each.event_id for each in trace.deliveries(of, to=by) if each.more["outcome"] == "ok"}
    dead = {each.event_id for each in trace.dead_letters() if each.name == by}
    lost = [each for each in trace.events(of) if each.event_id not in processed | dead]
    if lost:
        raise InvariantError(f"{by} lost {_named(lost)}: it has neither processed it, nor is it a dead letter.")


def nothing_twice(simulation: Simulation, of: type[Event] | str) -> None:
    """No cause has two different effects of a class: a repeated delivery publishes the same event, with its id."""
    effects: dict[tuple[Any, Any], dict[str, Record]] = defaultdict(dict)
    for each in simulation.trace.events(of):
        cause = each.more.get("causation_id")
        if cause:
            effects[cause, each.more.get("producer")][each.event_id] = each
    twice = [events for events in effects.values() if len(events) > 1]
    if twice:
        raise InvariantError(f"One event caused {_named(list(twice[0].values()))}: expected one {name_of(of)}.")


def no_loop(simulation: Simulation, most: int = MOST_REPEATS) -> None:
    """No event causes more than `most` others of its own class, one after the other."""
    events = {each.event_id: each for each in simulation.trace.events()}
    for each in events.values():
        chain = list(_causes(each, events))
        same = [one for one in chain if one.name == each.name]
        if len(same) > most:
            names = " → ".join(one.name for one in reversed(chain[: most * 2]))
            raise InvariantError(f"{each.name} causes itself again: {names}")


def every_saga_ends(simulation: Simulation, lawful: Collection[str] = ("SUCCEEDED",)) -> None:
    """Each execution of a state machine has ended with one of the lawful statuses."""
    wrong = {arn: status for arn, status in simulation.trace.executions().items() if status not in lawful}
    if wrong:
        arn, status = next(iter(wrong.items()))
        raise InvariantError(f"{len(wrong)} executions did not end as {' or '.join(lawful)}: {arn} is {status}.")


def equals_fold(
    read_model: Mapping[Any, Any],
    events: Iterable[E],
    fold: Callable[[dict[Any, Any], E], dict[Any, Any]],
) -> None:
    """A read model, as rows by their keys, equals the fold of the events of its store."""
    expected: dict[Any, Any] = {}
    for event in events:
        expected = fold(expected, event)
    for key in {**expected, **read_model}:
        if expected.get(key) != read_model.get(key):
            raise InvariantError(f"The row {key!r} is {read_model.get(key)!r}, its events make {expected.get(key)!r}.")


def _causes(record: Record, events: Mapping[str, Record]) -> Iterable[Record]:
    seen: set[str] = set()
    current: Record | None = record
    while current is not None and current.event_id not in seen:
        seen.add(current.event_id)
        yield current
        current = events.get(str(current.more.get("causation_id")))


def _named(records: Collection[Record]) -> str:
    return ", ".join(f"{each.name} {each.event_id}" for each in records)
