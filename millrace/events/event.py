"""The base class of every event."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from millrace.events.contract import Contract, ContractError, Data, Upcaster
from millrace.events.metadata import Metadata
from millrace.events.sensitive import MASK, leaves, marked, values_at

_SOURCE = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")

_RESERVED = frozenset({"metadata", "caused_by"})
"""Names that no field of an event can have."""


class Event(BaseModel):
    """An immutable event.

    A subclass declares its source: `class PointsAwarded(Event, source="shop.loyalty")`. Its name, in the past tense,
    is the detail-type. A breaking change needs a higher `version` and an upcaster. `external=True`: a system
    outside the app publishes the event. `terminal="why"`: nothing in the app consumes it. `order_by="order_id"`:
    consumers need the events in the order of publication, for each value of the field. Events are equal if class and
    data are equal; metadata is not compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    contract: ClassVar[Contract]
    _metadata: Metadata | None = PrivateAttr(default=None)
    _cause: "Event | None" = PrivateAttr(default=None)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()  # pydantic passes the keywords to the method below, once the fields are known

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        source: str | None = None,
        version: int = 1,
        detail_type: str | None = None,
        external: bool = False,
        terminal: str | None = None,
        order_by: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name in kwargs.keys() - ConfigDict.__annotations__.keys():
            raise TypeError(
                f"{cls.__name__} has the unknown keyword {name!r}: write source, version, detail_type, external, "
                f"terminal or order_by, or a setting of pydantic's ConfigDict."
            )
        for name in _RESERVED & cls.model_fields.keys():
            raise TypeError(f"{cls.__name__} has a field called {name!r}, which every event has already: rename it.")
        if source is None:
            return
        if not _SOURCE.fullmatch(source) or source.startswith("aws."):
            raise TypeError(
                f"{cls.__name__} has the invalid source {source!r}: use '<system>.<context>' in lower case; "
                f"AWS reserves the prefix 'aws.'."
            )
        if order_by is not None and order_by not in cls.model_fields:
            raise TypeError(f"{cls.__name__} has no field {order_by!r}: name one of its fields in order_by.")
        name = detail_type or cls.__name__
        cls.contract = Contract(source, name, version, external=external, terminal=terminal, order_by=order_by)

    @classmethod
    def upcaster(cls, *, from_version: int) -> Callable[[Upcaster], Upcaster]:
        """Register a function that converts data of `from_version` to the next version."""

        def register(function: Upcaster) -> Upcaster:
            cls.contract.upcasters[from_version] = function
            return function

        return register

    @classmethod
    def acknowledge(cls, reason: str, *findings: str) -> None:
        """Accept findings of `millrace check` about this event: `OrderPlaced.acknowledge("why", "cycle")`."""
        cls.contract.acknowledged.update(dict.fromkeys(findings, reason))

    @classmethod
    def sensitive(cls) -> frozenset[str]:
        """The fields that are or contain a Sensitive field."""
        return frozenset(path[0] for path in marked(cls))

    def secrets(self) -> list[Any]:
        """The values of its Sensitive fields."""
        paths = marked(type(self))
        data = self.model_dump(mode="json", warnings=False) if paths else {}
        return [leaf for path in paths for value in values_at(data, path) for leaf in leaves(value)]

    @classmethod
    def read(cls, data: Data, *, tolerant: bool = True) -> Self:
        """Validate JSON data. Raises ContractError, which names event, field and value.

        A tolerant reader ignores unknown fields, so that a producer can add fields.
        """
        try:
            return cls.model_validate_json(json.dumps(data), extra="ignore" if tolerant else "forbid")
        except ValidationError as error:
            raise ContractError.of(cls.__name__, error, cls.sensitive()) from error

    @property
    def metadata(self) -> Metadata:
        """The metadata of a published event."""
        if self._metadata is None:
            raise LookupError(f"{type(self).__name__} has no metadata until it is published.")
        return self._metadata

    def stamped(self, metadata: Metadata) -> Self:
        """A copy of the event with metadata."""
        copy = self.model_copy()
        copy._metadata = metadata  # noqa: SLF001
        return copy

    def caused_by(self, cause: "Event") -> Self:
        """The same event as the effect of one of the events that a handler of a list is given.

        `return [Scored(order_id=order.order_id).caused_by(order) for order in orders]`. The id of the effect is derived
        from its cause, so it is the same when the source delivers the events again in other batches.
        """
        copy = self.model_copy()
        copy._cause = cause  # noqa: SLF001 - its own class
        return copy

    @property
    def named_cause(self) -> "Event | None":
        """The event that `caused_by` names."""
        return self._cause

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """The fields in `repr` and logs. Sensitive values are masked."""
        hidden = self.sensitive()
        for name, value in super().__repr_args__():
            yield name, MASK if name in hidden else value

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__


class Refusal(Event):
    """An event that rejects a request. A step that returns one starts the undos of its saga."""
