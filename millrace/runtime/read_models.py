"""Read models: rows that a projection keeps, on two sides of which one is live.

A `View` is a row. `class OrderView(View, key="order_id")` says by which field it is found, in the events that change
it as well. A projection keeps two tables, blue and green, and a ledger, which says which of them is live, and how far
each has read every stream. A parameter of type `ReadModel[OrderView]` reads from the one that is live.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from millrace.runtime.stores import table_called

REVISION = "revision"
"""The attribute of a row that is unique to each write, so two concurrent writers do not overwrite one another.

A count would start again when a row is deleted and created anew: a writer that read the former row would not notice.
"""
POINTER = "$live"
Side = Literal["blue", "green"]
State = Literal["empty", "clearing", "building", "built"]
KEPT: tuple[State, ...] = ("building", "built")
"""The states of the side that is not live in which a projection keeps it, too."""


class View(BaseModel):
    """A row of a read model, as an immutable value. Its subclass names the field that is its key."""

    model_config = ConfigDict(frozen=True)
    key: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()  # pydantic hands the keywords on, below, once the fields are known

    @classmethod
    def __pydantic_init_subclass__(cls, *, key: str = "", **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if key not in cls.model_fields or cls.model_fields[key].annotation is not str:
            raise TypeError(f"{cls.__name__} has the key {key!r}, and no such field: write {key}: str.")
        if REVISION in cls.model_fields:
            raise TypeError(f"{cls.__name__} has a field called {REVISION!r}, which every row has already: rename it.")
        cls.key = key

    def item(self) -> dict[str, Any]:
        """The item of DynamoDB that holds it."""
        return dict(json.loads(self.model_dump_json(), parse_float=Decimal))

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """The row that an item holds."""
        return cls.model_validate_json(json.dumps(dict(item), default=_plain))


V = TypeVar("V", bound=View)


@dataclass(frozen=True)
class Pointer:
    """Which side is live, and what the other one is."""

    live: Side = "blue"
    other: State = "empty"

    @property
    def beside(self) -> Side:
        """The side that is not live."""
        return "green" if self.live == "blue" else "blue"

    @property
    def kept(self) -> list[Side]:
        """The sides that a projection writes to."""
        return [self.live, *([self.beside] if self.other in KEPT else [])]


class Ledger:
    """The ledger of a projection: the pointer, and a mark for each stream or event that a side has taken in."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def pointer(self) -> Pointer:
        """Which side is live, as of now."""
        item = self.table.get_item(Key={"id": POINTER}, ConsistentRead=True).get("Item")
        return Pointer(item["live"], item["other"]) if item else Pointer()

    def point(self, pointer: Pointer) -> Pointer:
        """Let the pointer be this from now on."""
        self.table.put_item(Item={"id": POINTER, "live": pointer.live, "other": pointer.other})
        return pointer


@dataclass(frozen=True)
class Tables:
    """The two sides of a read model, and its ledger."""

    blue: Any
    green: Any
    ledger: Ledger

    @classmethod
    def opened(cls, variable: str, parameter: str) -> "Tables":
        """Those that an environment variable names. Raises LookupError if it is not set."""
        if variable not in os.environ:
            raise LookupError(f"{variable} is not set: give the construct tables={{{parameter!r}: a Projection}}.")
        blue, green, ledger = map(table_called, os.environ[variable].split(","))
        return cls(blue, green, Ledger(ledger))

    def side(self, side: Side) -> Any:
        """The table of a side."""
        return self.blue if side == "blue" else self.green


class ReadModel(Generic[V]):
    """The live rows of a read model, for those who only read."""

    def __init__(self, view: type[V], tables: Tables) -> None:
        self._view = view
        self._tables = tables

    @cached_property
    def _live(self) -> tuple[Side, Any]:
        side = self._tables.ledger.pointer().live
        return side, self._tables.side(side)

    def get(self, key: str) -> V | None:
        """The row of a key; None where there is none."""
        item = self._live[1].get_item(Key={self._view.key: key}, ConsistentRead=True).get("Item")
        return self._view.of(item) if item else None

    def scan(self, **request: Any) -> Any:
        """As boto3's, over the live rows: `Page[OrderView].of(orders.scan(**paging.arguments), OrderView)`."""
        return self._live[1].scan(**request)

    def version(self, stream: str) -> int:
        """How far the live rows have read a stream: the version of the last event that is in them."""
        side = self._live[0]
        item = self._tables.ledger.table.get_item(Key={"id": mark_of_stream(side, stream)}, ConsistentRead=True)
        return int(item.get("Item", {}).get("version", 0))


def mark_of_stream(side: Side, stream: str) -> str:
    """The key in the ledger of what a side has read of a stream."""
    return f"{side}/stream/{stream}"


def mark_of_event(side: Side, event_id: str) -> str:
    """The key in the ledger of an event of no stream that a side has taken in."""
    return f"{side}/event/{event_id}"


def read_model_variable(parameter: str) -> str:
    """The environment variable that names the tables of the read model that a parameter asks for."""
    return f"MILLRACE_READ_MODEL_{parameter.upper()}"


def open_read_model(parameter: str, view: type[Any]) -> ReadModel[Any]:
    """The read model of a parameter."""
    return ReadModel(view, Tables.opened(read_model_variable(parameter), parameter))


def scanned(table: Any, **request: Any) -> Iterator[dict[str, Any]]:
    """Every item of a table, a page at a time."""
    while True:
        answer = table.scan(**request)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _plain(value: Any) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{value!r} is nothing that a row can hold.")
