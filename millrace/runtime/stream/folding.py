"""Fold the records of a batch into the parts of their windows."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter, itemgetter
from typing import Any

from pydantic import ValidationError

from millrace.events.contract import ContractError
from millrace.runtime.stream.readings import MAX_KEY_BYTES, Reading, ReadingError, check_reading
from millrace.runtime.stream.records import TICK, Records, Row
from millrace.runtime.stream.schemas import Schemas
from millrace.runtime.stream.window_table import Stored
from millrace.runtime.stream.windows import EPOCH, Frame, Part, Slot, hashed, split_ids

FUTURE_SECONDS = 300.0
"""How far the clock of a sensor may be ahead."""
_SHORT = MAX_KEY_BYTES // 4
"""Characters of a key whose bytes need no count."""
_DAY = 86_400
Parser = Callable[[str], Reading]
Known = Callable[[Iterable[Slot]], dict[Slot, Stored]]
"""Return what is stored of some windows."""


@dataclass
class Batch:
    """The parts of a batch, the keys whose windows may be due, and the records that are kept with a reason.

    `arrived` is when its last record arrived, in seconds since 1970; 0 without records.
    """

    arrived: float
    parts: dict[Slot, Part] = field(default_factory=dict)
    ticked: set[str] = field(default_factory=set)
    refused: list[tuple[Any, ReadingError]] = field(default_factory=list)


@dataclass(frozen=True)
class Fold:
    """How records become parts: the type of the readings, their windows, and the parser of raw lines."""

    reading: type[Reading]
    frame: Frame
    parser: Parser | None = None
    schemas: Schemas | None = None

    def batch(self, records: Records, known: Known) -> Batch:
        """Return the parts of a batch, without readings that are already `known` by their id or position."""
        batch = Batch(max(map(itemgetter(2), records.rows), default=0.0))
        grouped: dict[Slot, list[tuple[Row, Any]]] = defaultdict(list)
        read, content = self._reader(), itemgetter(1 if self.schemas is None else 3)
        key_of, time_of = attrgetter(self.reading.key_field), attrgetter(self.reading.time_field)
        width, seconds, latest = self.frame.width, self.frame.whole_seconds, _surely_past(records)
        for row in records.rows:
            if row[1] == TICK:
                batch.ticked.add(row[0])
                continue
            try:
                reading = read(content(row))
                key, time = key_of(reading), time_of(reading)
                if key != row[0] or len(key) > _SHORT or not key or time.tzinfo is None:
                    check_reading(reading, row[0], row[2], FUTURE_SECONDS)
                if (since := time - EPOCH) > latest:
                    check_reading(reading, row[0], row[2], FUTURE_SECONDS)
                number = (since.days * _DAY + since.seconds) // seconds if seconds else since // width
                grouped[key, number].append((row, reading))
            except (ValueError, RecursionError) as error:
                batch.refused.append((row[3], self._reason(error)))
        before = known(grouped)
        for slot, found in grouped.items():
            self._add(batch, slot, found, records, before.get(slot))
        return batch

    def _reader(self) -> Callable[[Any], Any]:
        """Return the function that reads a record with a schema, or else the data of one: pydantic's, or the parser."""
        parser, reading, schemas = self.parser, self.reading, self.schemas
        if schemas is not None:
            return lambda raw: reading.model_validate(schemas.read(raw))
        if parser is None:
            return reading.__pydantic_validator__.validate_json

        def parsed(data: bytes) -> Reading:
            found = parser(data.decode())
            if not isinstance(found, reading):
                raise TypeError(f"The parser returned {type(found).__name__}: return a {reading.__name__}.")
            return found

        return parsed

    def _add(
        self, batch: Batch, slot: Slot, found: list[tuple[Row, Any]], records: Records, before: Stored | None
    ) -> None:
        due = self.frame.due(slot[1])
        timely = found if batch.arrived < due else [each for each in found if each[0][2] < due]
        if len(timely) < len(found):
            batch.refused += [(row[3], self._late(slot, row[2] - due)) for row, _ in found if row[2] >= due]
        if before:
            mark = before.marks.get(records.partition, -1)
            timely = [each for each in timely if records.position(each[0][3]) > mark]
        if before and before.closed:
            closed = ReadingError(f"The window of {slot[0]!r} from {self.frame.start(slot[1]).isoformat()} is closed.")
            batch.refused += [(row[3], closed) for row, _ in timely]
            return
        ids = b""
        if self.reading.id_field:
            timely, ids = self._unique(timely, before)
        if timely:
            part = Part.of(self.reading, [reading for _, reading in timely], records.position(found[-1][0][3]))
            part.ids = ids
            batch.parts[slot] = part

    def _unique(self, found: list[tuple[Row, Any]], before: Stored | None) -> tuple[list[tuple[Row, Any]], bytes]:
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

    def _reason(self, error: Exception) -> ReadingError:
        if isinstance(error, ReadingError):
            return error
        if isinstance(error, ValidationError):
            return ReadingError(str(ContractError.of(self.reading.__name__, error, frozenset())))
        return ReadingError(f"{type(error).__name__}: {error}")


def _surely_past(records: Records) -> timedelta:
    """Return a time that is not too far in the future for any record of a batch; later ones are checked one by one."""
    first = min(map(itemgetter(2), records.rows), default=0.0)
    return timedelta(seconds=first + FUTURE_SECONDS)
