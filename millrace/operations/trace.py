"""The causation tree of one flow: events, their processing and the events that it published."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from millrace.operations.history import Record
from millrace.operations.printable import printable, printable_lines

_MINUTES_FROM = 100.0


@dataclass
class Attempt:
    """One attempt of a processor. `error` is None if it succeeded."""

    at: float
    duration_ms: float
    outcome: str
    error: str | None = None


@dataclass
class Work:
    """The processing of an event by one processor, step or mediator. `steps` are a mediator's."""

    name: str
    at: float
    attempts: list[Attempt] = field(default_factory=list)
    published: list["EventNode"] = field(default_factory=list)
    steps: list["Work"] = field(default_factory=list)
    status: str | None = None
    dead_letter: str | None = None
    execution: str | None = None

    @property
    def ended(self) -> float:
        """The end of its last attempt or step, in seconds since 1970."""
        return max([self.at, *(a.at + a.duration_ms / 1000 for a in self.attempts), *(s.ended for s in self.steps)])


@dataclass
class EventNode:
    """An event and its processing."""

    name: str
    event_id: str
    at: float
    causation_id: str | None
    producer: str | None
    works: list[Work] = field(default_factory=list)
    refused: str | None = None

    def walk(self) -> Iterator["EventNode"]:
        """Yield the event and all events that it caused, in the order of the tree."""
        yield self
        for work in self.works:
            for event in [event for step in [work, *work.steps] for event in step.published]:
                yield from event.walk()


@dataclass
class Trace:
    """The causation tree of a flow. `roots` are the events without a cause in the flow."""

    correlation_id: str
    roots: list[EventNode]

    @classmethod
    def of(cls, correlation_id: str, records: Iterable[Record]) -> "Trace":
        """Build the tree from records in any order."""
        return _Builder(correlation_id, sorted(records, key=lambda record: record.at)).build()

    def events(self) -> list[EventNode]:
        """Return every event of the flow, causes before effects."""
        return [event for root in self.roots for event in root.walk()]

    def names(self) -> list[str]:
        """Return the detail-types of all events of the flow, causes before effects."""
        return [event.name for event in self.events()]

    def works(self) -> list[Work]:
        """Return the processing of all events in the flow, including steps."""
        return [work for event in self.events() for parent in event.works for work in (parent, *parent.steps)]

    def work(self, name: str) -> Work:
        """Return the first processing by the processor or step of this name. Raises LookupError if there is none."""
        for work in self.works():
            if work.name == name:
                return work
        known = ", ".join(printable(work.name) for work in self.works())
        raise LookupError(f"{name} processed no event in this flow. These did: {known}.")

    def errors(self) -> list[str]:
        """Return every error of the flow as `processor: error`, in the order of the tree."""
        refusals = [f"{event.name}: {event.refused}" for event in self.events() if event.refused]
        return refusals + [f"{w.name}: {a.error}" for w in self.works() for a in w.attempts if a.error]

    def __str__(self) -> str:
        return "\n".join(line for root in self.roots for line in _draw(root, root.at)) or "no such flow"


class _Builder:
    def __init__(self, correlation_id: str, records: list[Record]) -> None:
        self._correlation_id = correlation_id
        self._records = records
        self._events: dict[str, EventNode] = {}
        self._works: dict[tuple[str, str, str | None], Work] = {}

    def build(self) -> Trace:
        for kind in ("event", "execution", "attempt", "dead-letter", "refused"):
            for record in self._records:
                if record.kind == kind:
                    getattr(self, "_" + kind.replace("-", "_"))(record)
        for event in self._events.values():
            event.works.sort(key=lambda work: work.at)
        roots = [event for event in self._events.values() if not self._attach(event)]
        return Trace(self._correlation_id, roots)

    def _event(self, record: Record) -> None:
        causation_id, producer = record.more.get("causation_id"), record.more.get("producer")
        node = EventNode(record.name, record.event_id, record.at, causation_id, producer)
        self._events.setdefault(record.event_id, node)

    def _cause(self, record: Record) -> EventNode:
        if record.event_id not in self._events:
            name = record.more.get("event", "an event from before the start of this local cloud")
            self._events[record.event_id] = EventNode(name, record.event_id, record.at, None, None)
        return self._events[record.event_id]

    def _execution(self, record: Record) -> None:
        work = self._work(record, record.more["execution"])
        work.status = record.more.get("status", work.status)

    def _attempt(self, record: Record) -> None:
        more = record.more
        attempt = Attempt(record.at, more.get("duration_ms", 0.0), more["outcome"], more.get("error"))
        self._work(record, more.get("execution")).attempts.append(attempt)

    def _dead_letter(self, record: Record) -> None:
        self._work(record, None).dead_letter = record.more["queue"]

    def _refused(self, record: Record) -> None:
        self._cause(record).refused = record.more["error"]

    def _work(self, record: Record, execution: str | None) -> Work:
        """Return the processing of an event by a name. A step is below its execution."""
        key = (record.event_id, record.name, execution)
        if key not in self._works:
            work = self._works[key] = Work(record.name, record.at, execution=execution)
            parent = self._execution_of(record.event_id, execution)
            (parent.steps if parent and parent is not work else self._cause(record).works).append(work)
        return self._works[key]

    def _execution_of(self, event_id: str, execution: str | None) -> Work | None:
        works = self._events[event_id].works if execution and event_id in self._events else []
        return next((work for work in works if work.execution == execution), None)

    def _attach(self, event: EventNode) -> bool:
        """Put an event below the processing that published it. Return False if its cause is not in the flow."""
        cause = self._events.get(event.causation_id or "")
        if cause is None or cause is event:
            return False
        works = [step for work in cause.works for step in (work, *work.steps)]
        publisher = next((work for work in works if work.name == event.producer), None)
        if publisher is None:
            publisher = Work(event.producer or "?", event.at)
            cause.works.append(publisher)
        publisher.published.append(event)
        return True


def _draw(event: EventNode, start: float) -> Iterator[str]:
    moment = datetime.fromtimestamp(event.at).astimezone().strftime("%H:%M:%S.%f")[:-3]
    when = moment if event.at == start else f"+{event.at - start:.3f} s"
    yield f"{printable(event.name)}  {when}  {printable(event.event_id)}"
    refused = [_error_lines("✗ refused", event.refused)] if event.refused else []
    yield from _branches([*refused, *(list(_draw_work(work, start)) for work in event.works)])


def duration(seconds: float) -> str:
    """Return a duration for a person: 236 ms, 12.5 s, 12 min."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < _MINUTES_FROM else f"{seconds / 60:.0f} min"


def _draw_work(work: Work, start: float) -> Iterator[str]:
    took = duration(work.ended - work.at)
    yield f"{_mark(work)} {printable(work.name)}  +{work.at - start:.3f} s  {took}{_attempts(work)}"
    yield from _branches(
        [
            *_errors(work),
            *(list(_draw_work(step, start)) for step in work.steps),
            *(list(_draw(event, start)) for event in work.published),
        ]
    )


def _mark(work: Work) -> str:
    failed = work.dead_letter or work.status in ("FAILED", "TIMED_OUT", "ABORTED")
    return "✗" if failed or (work.attempts and work.attempts[-1].error) else "✓"


def _attempts(work: Work) -> str:
    status = f"  {printable(work.status.lower())}" if work.status else ""
    what = "attempts" if any(attempt.error for attempt in work.attempts) else "calls"
    return f"{status}  {len(work.attempts)} {what}" if len(work.attempts) > 1 else status


def _errors(work: Work) -> Iterator[list[str]]:
    shown: set[str] = set()
    for number, attempt in enumerate(work.attempts, 1):
        if attempt.error and attempt.error not in shown:
            shown.add(attempt.error)
            yield _error_lines(f"! attempt {number}", attempt.error)
    if work.dead_letter:
        yield [f"✉ dead letter in {printable(work.dead_letter)}"]


def _error_lines(head: str, error: str) -> list[str]:
    """Return the lines of an error. Further lines begin with a bar, to look different from branches."""
    first, *more = printable_lines(error)
    return [f"{head}: {first}", *(f"  | {line}".rstrip() for line in more)]


def _branches(parts: list[list[str]]) -> Iterator[str]:
    for number, lines in enumerate(parts, 1):
        last = number == len(parts)
        for index, line in enumerate(lines):
            yield (("└─ " if last else "├─ ") if index == 0 else ("   " if last else "│  ")) + line


def as_json(trace: Trace) -> dict[str, Any]:
    """Return the tree as JSON values."""
    return asdict(trace)
