"""Read models: the rows that a projection writes, in a live table and a candidate table.

A `View` is a row. `class OrderView(View, key="order_id")` names the field that identifies a row; the events that change
the row have a field of this name, too. A projection has two tables, blue and green, and a ledger. The ledger stores
which table is live, and how far each table has read every stream. A parameter of type `ReadModel[OrderView]` reads the
live table.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from millrace.runtime.dynamodb import number
from millrace.runtime.environment import required, table_called

REVISION = "revision"
"""The attribute of a row that is unique to each write, so two concurrent writers do not overwrite one another.

A count would start again when a row is deleted and created anew: a writer that read the former row would not notice.
"""
POINTER = "$live"
Color = Literal["blue", "green"]
State = Literal["empty", "clearing", "building", "built"]
WRITTEN: tuple[State, ...] = ("building", "built")
"""The states in which a projection writes to the candidate table, too."""


class View(BaseModel):
    """A row of a read model, as an immutable value. Its subclass names the field that is its key."""

    model_config = ConfigDict(frozen=True)
    key: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()  # pydantic passes the keywords to the method below, once the fields are known

    @classmethod
    def __pydantic_init_subclass__(cls, *, key: str = "", **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if key not in cls.model_fields or cls.model_fields[key].annotation is not str:
            raise TypeError(f"{cls.__name__} has the key {key!r}, but no such field of type str: add {key}: str.")
        if REVISION in cls.model_fields:
            raise TypeError(f"{cls.__name__} has a field {REVISION!r}, a name that Millrace uses: rename the field.")
        cls.key = key

    def item(self) -> dict[str, Any]:
        """Return the row as an item of DynamoDB."""
        return dict(json.loads(self.model_dump_json(), parse_float=Decimal))

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """Return the row of an item."""
        return cls.model_validate_json(json.dumps(dict(item), default=_plain))


V = TypeVar("V", bound=View)


@dataclass(frozen=True)
class Pointer:
    """The live table, and the state of the candidate table."""

    live: Color = "blue"
    state: State = "empty"

    @property
    def candidate(self) -> Color:
        """The table that is not live."""
        return "green" if self.live == "blue" else "blue"

    @property
    def written(self) -> list[Color]:
        """The tables that a projection writes to."""
        return [self.live, *([self.candidate] if self.state in WRITTEN else [])]


class Ledger:
    """The ledger of a projection: the pointer, and a mark for each stream or event that a table has read."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def pointer(self) -> Pointer:
        """Read the pointer, consistently."""
        item = self.table.get_item(Key={"id": POINTER}, ConsistentRead=True).get("Item")
        return Pointer(item["live"], item["candidate"]) if item else Pointer()

    def point(self, pointer: Pointer) -> Pointer:
        """Write the pointer."""
        self.table.put_item(Item={"id": POINTER, "live": pointer.live, "candidate": pointer.state})
        return pointer


@dataclass(frozen=True)
class Tables:
    """The two tables of a read model, and its ledger."""

    blue: Any
    green: Any
    ledger: Ledger

    @classmethod
    def opened(cls, variable: str, parameter: str) -> "Tables":
        """Open the tables that an environment variable names. Raises LookupError if it is not set."""
        names = required(variable, f"give the construct tables={{{parameter!r}: a Projection}}.")
        blue, green, ledger = map(table_called, names.split(","))
        return cls(blue, green, Ledger(ledger))

    def table(self, color: Color) -> Any:
        """Return the table of a color."""
        return self.blue if color == "blue" else self.green


class ReadModel(Generic[V]):
    """The live rows of a read model, for reading."""

    def __init__(self, view: type[V], tables: Tables) -> None:
        self._view = view
        self._tables = tables

    @cached_property
    def _live(self) -> tuple[Color, Any]:
        color = self._tables.ledger.pointer().live
        return color, self._tables.table(color)

    def get(self, key: str) -> V | None:
        """Return the row of a key, or None."""
        item = self._live[1].get_item(Key={self._view.key: key}, ConsistentRead=True).get("Item")
        return self._view.of(item) if item else None

    def scan(self, **request: Any) -> Any:
        """Scan the live rows as boto3 does: `Page[OrderView].of(orders.scan(**paging.arguments), OrderView)`."""
        return self._live[1].scan(**request)

    def version(self, stream: str) -> int:
        """Return how far the live table has read a stream: the version of the last event in it."""
        color = self._live[0]
        item = self._tables.ledger.table.get_item(Key={"id": mark_of_stream(color, stream)}, ConsistentRead=True)
        return int(item.get("Item", {}).get("version", 0))


def mark_of_stream(color: Color, stream: str) -> str:
    """Return the ledger key of the version of a stream that a table has read."""
    return f"{color}/stream/{stream}"


def mark_of_event(color: Color, event_id: str) -> str:
    """Return the ledger key of an event without a stream that a table has read."""
    return f"{color}/event/{event_id}"


def read_model_variable(parameter: str) -> str:
    """Return the environment variable with the tables of a parameter's read model."""
    return f"MILLRACE_READ_MODEL_{parameter.upper()}"


def open_read_model(parameter: str, view: type[Any]) -> ReadModel[Any]:
    """Return the read model of a parameter."""
    return ReadModel(view, Tables.opened(read_model_variable(parameter), parameter))


def _plain(value: Any) -> int | float:
    if isinstance(value, Decimal):
        return number(value)
    raise TypeError(f"{value!r} is not a value that a row can contain.")
