"""Event source mappings, and the poller of each.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from typing import TYPE_CHECKING, Any

from millrace.local.services.lambda_.event_source_mappings.kafka_poller import KafkaPoller
from millrace.local.services.lambda_.event_source_mappings.pollers import Pollers
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
        self._pollers: Pollers[Poller] = Pollers(region, functions.name_of)

    def changed(self) -> None:
        """Read the mappings again, and poll each source once."""
        mappings = dict(self._region.backends.lambda_._event_source_mappings)  # noqa: SLF001 - moto's
        self._pollers.update(mappings, self._start_poller)

    def reset(self) -> None:
        """Stop every poller."""
        self._pollers.reset()

    def _start_poller(self, mapping: Any) -> Poller:
        if mapping.topics:
            return KafkaPoller(self._region, self._functions, mapping)
        if ":sqs:" in mapping.event_source_arn:
            return QueuePoller(self._region, self._functions, mapping)
        return StreamPoller(self._region, self._functions, mapping)
