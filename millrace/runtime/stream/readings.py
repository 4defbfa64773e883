"""Readings: the typed records of a stream."""

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict

from millrace.runtime.signatures import SignatureError

MAX_KEY_BYTES = 256
"""Bytes of a key: the same as of a partition key.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html
"""
_NUMBERS = (bool, int, float, Decimal)


class ReadingError(ValueError):
    """A record is not a valid reading, or it is too late. It is kept with this reason."""


class Percentiles:
    """Keep a sketch of a field, so that `window["celsius"].percentile(99)` works: `Annotated[float, Percentiles()]`."""


class Reading(BaseModel):
    """One record of a stream.

    `class SensorReading(Reading, key="sensor", time="at")` is aggregated for each `key`, a string, in windows of
    `time`, the aware datetime of the reading. `id` names a field that identifies a reading, so that duplicates count
    once.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)

    key_field: ClassVar[str]
    time_field: ClassVar[str]
    id_field: ClassVar[str | None]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()  # pydantic passes the keywords to the method below, once the fields are known

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        key: str | None = None,
        time: str | None = None,
        id: str | None = None,  # noqa: A002 - the field is called like its attribute in a table
        **kwargs: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if key is None or time is None:
            if not hasattr(cls, "key_field"):
                raise TypeError(f"{cls.__name__} names no key and time: class {cls.__name__}(Reading, key=…, time=…).")
            return
        for name, kind in ((key, str), (time, datetime)):
            if name not in cls.model_fields or cls.model_fields[name].annotation is not kind:
                raise TypeError(f"{cls.__name__} needs the field {name}: {kind.__name__}.")
        if id is not None and id not in cls.model_fields:
            raise TypeError(f"{cls.__name__} has no field {id!r}: name one of its fields as id.")
        cls.key_field, cls.time_field, cls.id_field = key, time, id

    @classmethod
    @cache
    def numbers(cls) -> dict[str, bool]:
        """The fields with numbers, which windows aggregate; and whether a field has a sketch for percentiles."""
        found = {}
        for name, field in cls.model_fields.items():
            kinds = set(get_args(field.annotation) or (field.annotation,)) - {type(None)}
            if kinds and kinds <= set(_NUMBERS):
                found[name] = any(isinstance(each, Percentiles) for each in field.metadata)
        return found


def check_reading(reading: Reading, partition_key: str, arrived: float, tolerance: float) -> None:
    """Raise ReadingError for an invalid key, a time without zone, or a time after the arrival.

    A stream keeps the order of a partition key only, so it must be the key of the reading.
    """
    key, time = getattr(reading, reading.key_field), getattr(reading, reading.time_field)
    if not 0 < len(key.encode()) <= MAX_KEY_BYTES:
        raise ReadingError(f"{reading.key_field} has {len(key.encode())} bytes: send 1 to {MAX_KEY_BYTES}.")
    if key != partition_key:
        raise ReadingError(f"Its partition key is not its {reading.key_field}: put it with the partition key {key!r}.")
    if time.tzinfo is None:
        raise ReadingError(f"{reading.time_field} is {time.isoformat()}, without an offset: add one, such as Z.")
    if time.timestamp() > arrived + tolerance:
        ahead = time.timestamp() - arrived
        raise ReadingError(f"{reading.time_field} is {ahead:.0f} s after the arrival of the record: check the clock.")


def reading_type(hint: Any, where: str) -> type[Reading]:
    """Return the reading of a `Window[…]` annotation. Raises SignatureError."""
    (found,) = get_args(hint) or (None,)
    if isinstance(found, type) and issubclass(found, Reading) and hasattr(found, "key_field"):
        return found
    raise SignatureError(f"{where} takes {hint}: write Window[AReading] with a Reading that has key and time.")
