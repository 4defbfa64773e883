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


class Event(BaseModel):
    """Something that happened, as an immutable value.

    A subclass names its source: `class PointsAwarded(Event, source="shop.loyalty")`. Its own name, in the past
    tense, is the detail-type; a breaking change raises `version` and adds an upcaster. `external=True` marks one that
    a system outside the app publishes, `terminal="why"` one that nothing in the app consumes, and `order_by="order_id"`
    one whose consumers need the order in which it was said, for each value of that field. Two events are equal when
    they are of one class and say the same, whatever their metadata.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    contract: ClassVar[Contract]
    _metadata: Metadata | None = PrivateAttr(default=None)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()  # pydantic hands the keywords on, below, once the fields are known

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
        if "metadata" in cls.model_fields:
            raise TypeError(f"{cls.__name__} has a field called 'metadata', which every event has already: rename it.")
        if source is None:
            return
        if not _SOURCE.fullmatch(source) or source.startswith("aws."):
            raise TypeError(
                f"{cls.__name__} has the source {source!r}: write '<system>.<context>' in lower case; "
                f"'aws.' belongs to AWS."
            )
        if order_by is not None and order_by not in cls.model_fields:
            raise TypeError(f"{cls.__name__} is ordered by {order_by!r}, which is no field of it: name one that is.")
        name = detail_type or cls.__name__
        cls.contract = Contract(source, name, version, external=external, terminal=terminal, order_by=order_by)

    @classmethod
    def upcaster(cls, *, from_version: int) -> Callable[[Upcaster], Upcaster]:
        """Register the way from `from_version` to the next one, as a function from data to data."""

        def register(function: Upcaster) -> Upcaster:
            cls.contract.upcasters[from_version] = function
            return function

        return register

    @classmethod
    def acknowledge(cls, reason: str, *findings: str) -> None:
        """Let findings of `millrace check` about this event stand: `OrderPlaced.acknowledge("why", "cycle")`."""
        cls.contract.acknowledged.update(dict.fromkeys(findings, reason))

    @classmethod
    def sensitive(cls) -> frozenset[str]:
        """The fields that are marked as Sensitive, or hold something that is."""
        return frozenset(path[0] for path in marked(cls))

    def secrets(self) -> list[Any]:
        """The values in it that are marked as Sensitive."""
        paths = marked(type(self))
        data = self.model_dump(mode="json", warnings=False) if paths else {}
        return [leaf for path in paths for value in values_at(data, path) for leaf in leaves(value)]

    @classmethod
    def read(cls, data: Data, *, tolerant: bool = True) -> Self:
        """Check data from JSON against the contract.

        A tolerant reader passes over fields that it does not know, so that a producer may add one.
        Raises ContractError, which names event, field and value.
        """
        try:
            return cls.model_validate_json(json.dumps(data), extra="ignore" if tolerant else "forbid")
        except ValidationError as error:
            raise ContractError.of(cls.__name__, error, cls.sensitive()) from error

    @property
    def metadata(self) -> Metadata:
        """The metadata of an event that came from a bus; one just made has none yet."""
        if self._metadata is None:
            raise LookupError(f"{type(self).__name__} has no metadata before it is published.")
        return self._metadata

    def stamped(self, metadata: Metadata) -> Self:
        """The same event, with metadata."""
        copy = self.model_copy()
        copy._metadata = metadata  # noqa: SLF001 - its own class
        return copy

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What it shows of itself, wherever it is printed or logged."""
        hidden = self.sensitive()
        for name, value in super().__repr_args__():
            yield name, MASK if name in hidden else value

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__


class Refusal(Event):
    """An event that says no: a step that returns one starts the undos of its saga."""
