"""Exact aggregates of numbers, whose state is JSON and can be merged in any order.

Integers and decimals are added exactly. The sum of floats is the exact sum of their values, rounded once at the end, so
it does not depend on order, batches or shards: the state holds floats that do not overlap and whose sum is exact
(Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997), made with `math.fsum`.
"""

import math
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal, Inexact
from importlib import import_module
from typing import Any

State = list[Any]
"""`[count, sum, minimum, maximum, sketch]` of a field; `sum` is a list of floats, or one number."""
_EXACT = Context(prec=200, traps=[Inexact])
_EMPTY: State = [0, None, None, None, None]


def summary(values: Sequence[Any], *, sketch: bool = False) -> State:
    """Return the state of some values of one field."""
    if not values:
        return list(_EMPTY)
    return [
        len(values),
        _stored(_sum(values)),
        _stored(min(values)),
        _stored(max(values)),
        _sketch(values) if sketch else None,
    ]


def merged(one: State, other: State) -> State:
    """Return the state of all values of two states."""
    if not one[0] or not other[0]:
        return one if one[0] else other
    return [
        one[0] + other[0],
        _stored(_added(_read(one[1]), _read(other[1]))),
        _stored(min(_read(one[2]), _read(other[2]))),
        _stored(max(_read(one[3]), _read(other[3]))),
        _merged_sketches(one[4], other[4]),
    ]


class Statistics:
    """Count, sum, minimum, maximum, mean and percentiles of a field in a window. They are None without values."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def count(self) -> int:
        """The number of values."""
        return int(self._state[0])

    @property
    def sum(self) -> Any:
        """The exact sum; of floats, rounded once."""
        total = _read(self._state[1])
        return math.fsum(total) if isinstance(total, list) else total

    @property
    def min(self) -> Any:
        """The smallest value."""
        return _read(self._state[2])

    @property
    def max(self) -> Any:
        """The largest value."""
        return _read(self._state[3])

    @property
    def mean(self) -> Any:
        """The sum divided by the count."""
        return self.sum / self.count if self.count else None

    def percentile(self, percent: float) -> float | None:
        """The value below which `percent` of 100 values lie, with a relative error of at most 1 %."""
        if not self.count:
            return None
        if self._state[4] is None:
            raise LookupError("The field has no sketch: annotate it as Annotated[float, Percentiles()].")
        value = _opened(self._state[4]).get_quantile_value(percent / 100)
        return None if value is None else float(value)


def _stored(value: Any) -> Any:
    """Return a value as JSON; a decimal keeps its digits."""
    return {"decimal": str(value)} if isinstance(value, Decimal) else value


def _read(value: Any) -> Any:
    return Decimal(value["decimal"]) if isinstance(value, dict) else value


def _sum(values: Sequence[Any]) -> Any:
    kinds = set(map(type, values))
    if kinds == {float}:
        return _partials(values)
    if kinds <= {int, bool}:
        return sum(values)
    if Decimal in kinds:
        return _exactly(values)
    return _partials([float(value) for value in values])


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, list) or isinstance(other, list):
        parts = (part if isinstance(part, list) else [part] for part in (one, other))
        return _partials([float(value) for part in parts for value in part])
    return _exactly((one, other)) if isinstance(one, Decimal) or isinstance(other, Decimal) else one + other


def _exactly(values: Iterable[Any]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = _EXACT.add(total, Decimal(value))
    return total


def _partials(values: Sequence[float]) -> list[float]:
    """Return a few floats with the same exact sum: the rounded sum, then what is missing, until nothing is."""
    partials: list[float] = []
    while rest := math.fsum([*values, *(-part for part in partials)]):
        partials.append(rest)
    return partials or [0.0]


def _sketch(values: Iterable[Any]) -> dict[str, Any]:
    sketch = _new_sketch()
    for value in values:
        sketch.add(float(value))
    return _closed(sketch)


def _merged_sketches(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    if one is None or other is None:
        return one or other
    sketch = _opened(one)
    sketch.merge(_opened(other))
    return _closed(sketch)


def _new_sketch() -> Any:
    """Return an empty DDSketch. It is deterministic: merging in another order gives the same sketch."""
    try:
        return import_module("ddsketch").DDSketch(0.01)
    except ImportError as error:
        raise ImportError("Percentiles need ddsketch: add it to both requirements.txt.") from error


def _closed(sketch: Any) -> dict[str, Any]:
    """Return the bins of a sketch by key; they are counts, so integers are exact."""
    stores = {"+": sketch._store, "-": sketch._negative_store}  # noqa: SLF001 - the library has no JSON
    bins = {
        sign: {str(store.offset + at): int(count) for at, count in enumerate(store.bins) if count}
        for sign, store in stores.items()
    }
    return {**bins, "0": int(sketch._zero_count)}  # noqa: SLF001 - the same


def _opened(state: dict[str, Any]) -> Any:
    sketch = _new_sketch()
    for sign, store in (("+", sketch._store), ("-", sketch._negative_store)):  # noqa: SLF001 - the same
        for key, count in state[sign].items():
            store.add(int(key), count)
    sketch._zero_count = state["0"]  # noqa: SLF001 - the same
    sketch._count = sum(sum(state[sign].values()) for sign in "+-") + state["0"]  # noqa: SLF001 - the same
    return sketch
