"""Fold the records of a batch into the parts of their windows."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from millrace.events.contract import ContractError
from millrace.runtime.stream.readings import Reading, ReadingError, check_reading
from millrace.runtime.stream.records import Record, is_tick
from millrace.runtime.stream.window_table import Stored
from millrace.runtime.stream.windows import Frame, Part, Slot, hashed, split_ids

FUTURE_SECONDS = 300.0
"""How far the clock of a sensor may be ahead."""
Parser = Callable[[str], Reading]
Known = Callable[[Iterable[Slot]], dict[Slot, Stored]]
"""Return what is stored of some windows."""


@dataclass
class Batch:
    """The parts of a batch, the keys whose windows may be due, and the records that are kept with a reason."""

    parts: dict[Slot, Part] = field(default_factory=dict)
    ticked: set[str] = field(default_factory=set)
    refused: list[tuple[Record, ReadingError]] = field(default_factory=list)


@dataclass(frozen=True)
class Fold:
    """How records become parts: the type of the readings, their windows, and the parser of raw lines."""

    reading: type[Reading]
    frame: Frame
    parser: Parser | None = None

    def batch(self, records: Iterable[Record], known: Known) -> Batch:
        """Return the parts of a batch, without readings that are already `known` by their id or position."""
        batch = Batch()
        grouped: dict[Slot, list[tuple[Record, Reading]]] = defaultdict(list)
        key_field, time_field = self.reading.key_field, self.reading.time_field
        for record in records:
            if is_tick(record.data):
                batch.ticked.add(record.key)
                continue
            try:
                reading = self._read(record)
            except ReadingError as error:
                batch.refused.append((record, error))
                continue
            slot = getattr(reading, key_field), self.frame.number(getattr(reading, time_field))
            grouped[slot].append((record, reading))
        before = known(grouped)
        for slot, found in grouped.items():
            self._add(batch, slot, found, before.get(slot))
        return batch

    def _add(self, batch: Batch, slot: Slot, found: list[tuple[Record, Reading]], before: Stored | None) -> None:
        due = self.frame.due(slot[1])
        timely = [each for each in found if each[0].arrived < due]
        if len(timely) < len(found):
            late = [each[0] for each in found if each[0].arrived >= due]
            batch.refused += [(record, self._late(slot, record.arrived - due)) for record in late]
        if before:
            timely = [each for each in timely if each[0].position > before.marks.get(each[0].partition, -1)]
        if before and before.closed:
            batch.refused += [(record, self._late(slot, 0.0)) for record, _ in timely]
            return
        ids = b""
        if self.reading.id_field:
            timely, ids = self._unique(timely, before)
        if timely:
            part = Part.of(self.reading, [reading for _, reading in timely], found[-1][0].position)
            part.ids = ids
            batch.parts[slot] = part

    def _unique(self, found: list[Any], before: Stored | None) -> tuple[list[Any], bytes]:
        """Return the first record of each id that the window does not contain yet, and the hashes of the ids."""
        seen = set(split_ids(before.part.ids)) if before else set()
        new: dict[bytes, Any] = {}
        for each in found:
            mark = hashed(getattr(each[1], str(self.reading.id_field)))
            if mark not in seen:
                new.setdefault(mark, each)
        return list(new.values()), b"".join(new)

    def _late(self, slot: Slot, seconds: float) -> ReadingError:
        start = self.frame.start(slot[1]).isoformat()
        return ReadingError(f"The reading arrived {seconds:.3f} s after its window of {slot[0]!r} from {start} closed.")

    def _read(self, record: Record) -> Reading:
        try:
            reading = self._parsed(record)
        except ValidationError as error:
            raise ReadingError(str(ContractError.of(self.reading.__name__, error, frozenset()))) from error
        except (ValueError, RecursionError) as error:
            raise ReadingError(f"{type(error).__name__}: {error}") from error
        check_reading(reading, record.key, record.arrived, FUTURE_SECONDS)
        return reading

    def _parsed(self, record: Record) -> Reading:
        if self.parser is None:
            return self.reading.model_validate_json(record.data)
        reading = self.parser(record.data.decode())
        if not isinstance(reading, self.reading):
            raise TypeError(f"The parser returned {type(reading).__name__}: return a {self.reading.__name__}.")
        return reading
