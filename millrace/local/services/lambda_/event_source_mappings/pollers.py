"""A table of pollers, of event source mappings or of pipes."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from millrace.local.core.history import references

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


class Poller(Protocol):
    """Reads a source for a mapping."""

    mapping: Any

    def wake(self) -> None:
        """Poll now."""

    def stop(self) -> None:
        """Stop polling."""


P = TypeVar("P", bound=Poller)
S = TypeVar("S")


class Pollers(Generic[P]):
    """The pollers of an account and region, by the name of what they poll for. They listen to changes of sources."""

    def __init__(self, region: "AccountRegion", name_of: Callable[[str], str]) -> None:
        self._region = region
        self._name_of = name_of
        self._pollers: dict[str, P] = {}
        region.source_listeners.append(self)

    def update(
        self, wanted: Mapping[str, S], start: Callable[[S], P], is_current: Callable[[P, S], bool] = lambda *_: True
    ) -> None:
        """Stop the pollers that are not wanted or not current, start those that are missing, and poll each source."""
        for name, poller in list(self._pollers.items()):
            if name not in wanted or not is_current(poller, wanted[name]):
                self._pollers.pop(name).stop()
        for name, source in wanted.items():
            if name not in self._pollers:
                self._pollers[name] = start(source)
        for poller in self._pollers.values():
            poller.wake()

    def get(self, name: str) -> P | None:
        """Return a poller; None if there is none of that name."""
        return self._pollers.get(name)

    def reset(self) -> None:
        """Stop every poller."""
        for poller in self._pollers.values():
            poller.stop()
        self._pollers.clear()

    def arrived(self, source_arn: str) -> None:
        """Poll a source now."""
        for poller in self._of(source_arn):
            poller.wake()

    def moved_to_dead_letter_queue(self, message: Any, source_arn: str, queue_arn: str) -> None:
        """Record a dead letter for each function or pipe that polls the queue."""
        about = references({"Records": [{"body": message.body, "messageId": message.id}]})
        for poller in self._of(source_arn):
            self._region.record_dead_letter(about, queue_arn, self._name_of(poller.mapping.function_arn))

    def _of(self, source_arn: str) -> Iterator[P]:
        return (poller for poller in self._pollers.values() if poller.mapping.event_source_arn == source_arn)
