"""Contract tests for each event, consumer and version of a project. Import them into a test module.

from millrace.testing.contracts import test_consumer_accepts_event, test_event_has_example
"""

import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest

from millrace.events import Catalog, ContractError, Envelope, Event, Metadata, UnknownVersionError, decode, encode
from millrace.events.contract import Data
from millrace.operations.printable import printable_lines
from millrace.runtime import Declaration
from millrace.runtime.processor import Handler
from millrace.testing.boundaries import boundaries


@dataclass(frozen=True)
class Version:
    """One version of an event that consumers may still receive, and its examples by name."""

    event: type[Event]
    number: int
    examples: dict[str, Data]
    folder: str

    def __str__(self) -> str:
        return f"{self.event.__name__}-v{self.number}"

    def envelopes(self) -> Iterator[tuple[str, Envelope]]:
        """Each example, and in the newest version also its boundary values."""
        for name, data in self.examples.items():
            yield name, self._enveloped(data)
            if self.number == self.event.contract.version:
                yield from ((f"{name} with {what}", self._enveloped(d)) for what, d in boundaries(self.event, data))

    def _enveloped(self, data: Data) -> Envelope:
        metadata = Metadata.root(producer="contract test", version=self.number)
        contract = self.event.contract
        return {
            "source": contract.source,
            "detail-type": contract.detail_type,
            "detail": {"metadata": metadata.model_dump(mode="json", exclude_none=True), "data": data},
        }


@dataclass(frozen=True)
class Consumer:
    """A function that consumes a version of an event, or has an `aggregate` that applies it.

    `consumed` is the function's own class of the event.
    """

    function: str
    consumed: type[Event]
    version: Version
    aggregate: type[Any] | None = None

    def __str__(self) -> str:
        return f"{self.version}-{self.function}" + (f".{self.aggregate.__name__}" if self.aggregate else "")


def test_event_has_example(event_version: Version) -> None:
    """Every version of an event has an example, and every example matches the contract."""
    if not event_version.examples:
        _fail(
            f"{event_version.event.__name__} has no example of version {event_version.number}: record an envelope of "
            f"it, as a JSON file in {event_version.folder}; the newest version may have one in its class, as pydantic "
            f"has them: json_schema_extra={{'examples': [{{…}}]}} of its model_config."
        )
    for name, envelope in event_version.envelopes():
        _read(name, envelope, event_version.event, "the contract")


def test_consumer_accepts_event(event_consumer: Consumer) -> None:
    """A consumer can read every example of every version, and publishing the result again does not change it.

    An aggregate applies it without an error.
    """
    for name, envelope in event_consumer.version.envelopes():
        event = _read(name, envelope, event_consumer.consumed, event_consumer.function)
        again = _read(name, encode(event), event_consumer.consumed, event_consumer.function)
        if again != event:
            _fail(f"{event_consumer.function} reads {name} as {event!r}, and then as {again!r}")
        if event_consumer.aggregate:
            event_consumer.aggregate().apply(event)


def _read(name: str, envelope: Envelope, event: type[Event], reader: str) -> Event:
    try:
        return decode(envelope, event)
    except (ContractError, UnknownVersionError) as error:
        _fail(f"{reader} cannot read {name}: {error}")


def _fail(text: str) -> NoReturn:
    """Fail a test with a printable text."""
    pytest.fail("\n".join(printable_lines(text)), pytrace=False)


def versions(root: Path, folder: str) -> list[Version]:
    """Every event of the project, in the newest version and in each version that has an upcaster."""
    recorded = list(_recorded(root / folder))
    return [
        Version(event, number, dict(_examples(event, number, recorded)), folder)
        for event in Catalog.load("functions.contracts")
        for number in sorted({event.contract.version, *event.contract.upcasters})
    ]


def consumers(root: Path, folder: str) -> list[Consumer]:
    """Every consumer of every version of an event."""
    known = versions(root, folder)
    return [
        Consumer(handler.declaration.name, consumed, version, aggregate)
        for handler in _handlers(root)
        for consumed, aggregate in _consumed(handler.declaration)
        for version in known
        if _names(consumed) == _names(version.event)
    ]


def _consumed(declaration: Declaration) -> Iterator[tuple[type[Event], type[Any] | None]]:
    yield from ((event, None) for event in declaration.consumes)
    yield from ((event, store.aggregate) for store in declaration.stores for event in store.events)


def _names(event: type[Event]) -> tuple[str, str]:
    return event.contract.source, event.contract.detail_type


def _examples(event: type[Event], version: int, recorded: list[tuple[str, Envelope]]) -> Iterator[tuple[str, Data]]:
    for name, envelope in recorded:
        detail = envelope["detail"]
        if (envelope["source"], envelope["detail-type"]) == _names(event) and detail["metadata"].get(
            "version", 1
        ) == version:
            yield name, detail["data"]
    if version == event.contract.version:
        examples = event.model_json_schema().get("examples", [])
        yield from ((f"example {number} of its class", data) for number, data in enumerate(examples))


def _recorded(folder: Path) -> Iterator[tuple[str, Envelope]]:
    for file in sorted(folder.glob("*.json")):
        envelope = json.loads(file.read_text())
        if isinstance(envelope, dict) and "detail-type" in envelope:
            yield file.name, cast("Envelope", envelope)


def _handlers(root: Path) -> Iterator[Handler[..., Any]]:
    for file in sorted((root / "functions").glob("*/handler.py")):
        handler = getattr(importlib.import_module(f"functions.{file.parent.name}.handler"), "handler", None)
        if isinstance(handler, Handler):
            yield handler
