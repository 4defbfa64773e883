"""The story of a run: virtual times, events, deliveries, calls of AWS and faults, in their order."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from millrace.local.core.clock import Clock
from millrace.local.simulation.faults import Fault
from millrace.operations.history import Record


@dataclass
class Story:
    """Lines of text. `records` are those of the event history."""

    clock: Clock
    lines: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._bodies = sha256()

    def add(self, text: str) -> None:
        """Add a line at the current virtual time."""
        self.lines.append(f"{datetime.fromtimestamp(self.clock.now(), UTC):%a %H:%M:%S.%f}"[:-3] + f"  {text}")

    def happened(self, record: Record) -> None:
        """Add a record of the event history."""
        self.records.append(record)
        self.add(_described(record))

    def injected(self, fault: Fault) -> None:
        """Add a fault."""
        self.add(f"  ! {fault}")

    def called(self, function: str, operation: str, status: int, body: bytes) -> None:
        """Add a handler's call of AWS. Of its body, the digest alone depends."""
        self._bodies.update(body)
        self.add(f"    {function} called {operation}: {status}")

    @property
    def digest(self) -> str:
        """A hash of every line and of the bodies of all calls."""
        text = "\n".join([*self.lines, self._bodies.hexdigest()])
        return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _described(record: Record) -> str:
    about = f"{record.more.get('event', '')} {record.event_id}".strip()
    if record.kind == "event":
        return f"event {record.name} {record.event_id} from {record.more.get('producer')}"
    if record.kind == "attempt":
        error = record.more.get("error")
        return (
            f"{record.name} processed {about}: {error or record.more['outcome']} (attempt {record.more.get('attempt')})"
        )
    if record.kind == "execution":
        return f"{record.name} execution of {about}: {record.more.get('status')}"
    return f"{record.name} {record.kind} {about} {record.more.get('error') or record.more.get('queue') or ''}".rstrip()
