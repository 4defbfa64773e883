"""A queue as a source of events.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import json
from typing import TYPE_CHECKING, Any

from millrace.local.core.scheduler import Item
from millrace.local.services.lambda_.event_source_mappings.answers import REPORTS, failed_items
from millrace.local.services.lambda_.event_source_mappings.filters import Filters
from millrace.local.services.lambda_.functions import Functions
from millrace.local.services.sqs import Sqs, receive, record
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

POLLERS = 5
"""Batches that are in flight at once, where the mapping sets no maximum: what Lambda starts with.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""
MOST_BYTES = 6 * 1024 * 1024
"""Of one batch. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
_RECORD_BYTES = 1024
"""What a record adds to a message's own size, at most."""
_SOONEST = 0.001


class QueuePoller:
    """Polls a queue each time a message comes or becomes visible again, and deletes what was handled."""

    def __init__(self, region: "AccountRegion", functions: Functions, mapping: Any) -> None:
        self._functions = functions
        self.mapping = mapping
        self._region = region
        self._filters = Filters(mapping)
        self._planned: Item | None = None
        self._in_flight = 0
        self._window_ends: float | None = None
        self._stopped = False

    @property
    def _active(self) -> bool:
        return bool(self.mapping.enabled) and not self._stopped

    @property
    def _queue(self) -> Any | None:
        try:
            return self._region.service(Sqs).find(self.mapping.event_source_arn)
        except LookupError:
            return None

    def wake(self) -> None:
        """Poll now."""
        if self._active:
            self._plan(self._region.clock.now())

    def stop(self) -> None:
        """Poll no more; what is in flight ends, and its messages are deleted as ever."""
        self._stopped = True

    def _plan(self, due: float) -> None:
        planned = self._planned
        if planned and not planned.done:
            if planned.due <= due:
                return
            self._region.scheduler.cancel(planned)
        what = f"poll of {self.mapping.event_source_arn.rpartition(':')[2]}"
        self._planned = self._region.scheduler.at(due, self._poll, what)

    def _poll(self) -> None:
        queue = self._queue
        limit = (self.mapping.scaling_config or {}).get("MaximumConcurrency", POLLERS)
        if queue is None or not self._active or self._in_flight >= limit:
            return  # the end of a batch polls again
        if self._waits_for_more(queue):
            return
        messages = self._receive(queue)
        wanted = self._filtered(queue, messages)
        if wanted:
            self._hand_over(wanted)
        if messages:
            self.wake()
        else:
            self._poll_when_visible(queue)

    def _waits_for_more(self, queue: Any) -> bool:
        """Whether the batching window is open and the batch not full. A FIFO queue has no window."""
        window = 0 if queue.fifo_queue else self.mapping.max_batch_window or 0
        visible = queue.approximate_number_of_messages if window else 0
        if not window or not visible or visible >= self.mapping.batch_size:
            self._window_ends = None
            return False
        now = self._region.clock.now()
        self._window_ends = self._window_ends or now + window
        if self._window_ends <= now:
            self._window_ends = None
            return False
        self._plan(self._window_ends)
        return True

    def _receive(self, queue: Any) -> list[Any]:
        size, timeout = self.mapping.batch_size, queue.visibility_timeout
        return receive(self._region, queue, size, timeout, max_bytes=MOST_BYTES, record_overhead=_RECORD_BYTES)

    def _filtered(self, queue: Any, messages: list[Any]) -> list[tuple[Any, dict[str, Any]]]:
        """The messages that the mapping takes, with their records; those that it filters out are deleted."""
        pairs = [(message, record(message, queue)) for message in messages]
        kept = [pair for pair in pairs if self._filters.take(pair[1])]
        if len(kept) < len(pairs):
            ids = {message.id for message, _ in kept}
            self._delete([message for message in messages if message.id not in ids])
        return kept

    def _poll_when_visible(self, queue: Any) -> None:
        visible_at = queue._messages.next_visible_at()  # noqa: SLF001 - moto's
        if visible_at is not None:
            self._plan(max(visible_at / 1000, self._region.clock.now() + _SOONEST))

    def _hand_over(self, batch: list[tuple[Any, dict[str, Any]]]) -> None:
        self._in_flight += 1
        payload = json.dumps({"Records": [each for _, each in batch]}).encode()
        messages = [message for message, _ in batch]

        def ended(outcome: Outcome | None) -> None:
            self._in_flight -= 1
            self._delete(self._handled(messages, outcome))
            self.wake()

        try:
            function = self._functions.find(self.mapping.function_arn)
        except LookupError:
            ended(None)
            return
        self._functions.invoke(function, payload, ended)

    def _handled(self, messages: list[Any], outcome: Outcome | None) -> list[Any]:
        """The messages of a batch that may be deleted; the others become visible again after their time."""
        if outcome is None or outcome.status != "ok":
            return []
        if REPORTS not in (self.mapping.function_response_types or ()):
            return messages
        failed = failed_items(outcome.payload, {message.id for message in messages})
        return [message for message in messages if message.id not in failed]

    def _delete(self, messages: list[Any]) -> None:
        queue = self._queue
        if queue is None or not messages:
            return
        store = queue._messages  # noqa: SLF001 - moto's
        with store.lock:
            for message in messages:
                found = store.find(message.receipt_handle)
                if found is not None:
                    store.remove(found)
