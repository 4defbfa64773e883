"""Event source mappings, and the poller of each.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millrace.local.core.history import references
from millrace.local.services.lambda_.event_source_mappings.kafka_poller import KafkaPoller
from millrace.local.services.lambda_.event_source_mappings.queue_poller import QueuePoller
from millrace.local.services.lambda_.event_source_mappings.stream_poller import StreamPoller

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion
    from millrace.local.services.lambda_.functions import Functions

Poller = QueuePoller | StreamPoller | KafkaPoller


class EventSourceMappings:
    """The pollers of all mappings. The poller of a disabled mapping keeps its position."""

    def __init__(self, region: "AccountRegion", functions: "Functions") -> None:
        self._region = region
        self._functions = functions
        self._pollers: dict[str, Poller] = {}

    def changed(self) -> None:
        """Read the mappings again, and poll each source once."""
        mappings = dict(self._region.backends.lambda_._event_source_mappings)  # noqa: SLF001 - moto's
        for uuid in self._pollers.keys() - mappings.keys():
            self._pollers.pop(uuid).stop()
        for uuid, mapping in mappings.items():
            if uuid not in self._pollers:
                self._pollers[uuid] = self._start_poller(mapping)
        for poller in self._pollers.values():
            poller.wake()

    def reset(self) -> None:
        """Drop every mapping."""
        for poller in self._pollers.values():
            poller.stop()
        self._pollers.clear()

    def arrived(self, source_arn: str) -> None:
        """Poll a source now."""
        for poller in self._pollers_of(source_arn):
            poller.wake()

    def moved_to_dead_letter_queue(self, message: Any, source_arn: str, queue_arn: str) -> None:
        """Record a dead letter for each function that polls the source."""
        about = references({"Records": [{"body": message.body, "messageId": message.id}]})
        for poller in self._pollers_of(source_arn):
            name = self._functions.name_of(poller.mapping.function_arn)
            self._region.record_dead_letter(about, queue_arn, name)

    def _pollers_of(self, source_arn: str) -> Iterator[Poller]:
        return (poller for poller in self._pollers.values() if poller.mapping.event_source_arn == source_arn)

    def _start_poller(self, mapping: Any) -> Poller:
        if mapping.topics:
            return KafkaPoller(self._region, self._functions, mapping)
        if ":sqs:" in mapping.event_source_arn:
            return QueuePoller(self._region, self._functions, mapping)
        return StreamPoller(self._region, self._functions, mapping)
