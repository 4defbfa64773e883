"""An SQS queue as an event source.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import throttling_delay
from millrace.local.core.scheduler import ScheduledAction
from millrace.local.services.lambda_.event_source_mappings.batches import REPORTS, Consumer, failed_items
from millrace.local.services.lambda_.event_source_mappings.filters import Filters
from millrace.local.services.lambda_.recursion import is_recursive
from millrace.local.services.sqs import Sqs, move_to_dead_letter_queue, receive, record, store_of, trace_header
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

DEFAULT_CONCURRENCY = 5
"""Batches in flight of a mapping without MaximumConcurrency: the number with which Lambda starts.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""
MAX_BATCH_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
_RECORD_OVERHEAD = 1024
"""The most that a record adds to the size of its message."""
_MIN_DELAY = 0.001
_Pair = tuple[Any, dict[str, Any]]
"""A message and its record."""


class QueuePoller:
    """Polls a queue each time a message arrives or becomes visible, and deletes processed messages."""

    def __init__(self, region: "AccountRegion", consumer: Consumer, mapping: Any) -> None:
        self._consumer = consumer
        self.mapping = mapping
        self._region = region
        self._filters = Filters(mapping)
        self._next_poll: ScheduledAction | None = None
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
            self._poll_at(self._region.clock.now())

    def stop(self) -> None:
        """Stop polling. Batches in flight continue, and their processed messages are deleted."""
        self._stopped = True

    def _poll_at(self, due: float) -> None:
        planned = self._next_poll
        if planned and not planned.done:
            if planned.due <= due:
                return
            self._region.scheduler.cancel(planned)
        what = f"poll of {self.mapping.event_source_arn.rpartition(':')[2]}"
        self._next_poll = self._region.scheduler.at(due, self._poll, what)

    def _poll(self) -> None:
        queue = self._queue
        limit = (self.mapping.scaling_config or {}).get("MaximumConcurrency", DEFAULT_CONCURRENCY)
        if queue is None or not self._active or self._in_flight >= limit:
            return  # the end of a batch polls again
        if self._is_batching(queue):
            return
        messages = self._receive(queue)
        matching = self._stop_loops(queue, self._filter(queue, messages))
        if matching:
            self._invoke(matching)
        if messages:
            self.wake()
        else:
            self._poll_when_visible(queue)

    def _is_batching(self, queue: Any) -> bool:
        """Return whether the batching window is open and the batch not full. A FIFO queue has no batching window."""
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
        self._poll_at(self._window_ends)
        return True

    def _receive(self, queue: Any) -> list[Any]:
        size = self._region.faults.batch_size(queue.name, self.mapping.batch_size)
        timeout = queue.visibility_timeout
        return receive(self._region, queue, size, timeout, max_bytes=MAX_BATCH_BYTES, record_overhead=_RECORD_OVERHEAD)

    def _filter(self, queue: Any, messages: list[Any]) -> list[_Pair]:
        """Return the messages that match the filters, with their records. Delete the others."""
        pairs = [(message, record(message, queue)) for message in messages]
        matching = [pair for pair in pairs if self._filters.match(pair[1])]
        ids = {message.id for message, _ in matching}
        self._delete([message for message in messages if message.id not in ids])
        return matching

    def _stop_loops(self, queue: Any, batch: list[_Pair]) -> list[_Pair]:
        """Return the messages that the function may process; move those of a recursive loop to the dead-letter queue.

        Without a dead-letter queue they are lost. https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        """
        try:
            function = self._consumer.find(self.mapping.function_arn)
        except LookupError:
            return batch
        stopped = [message for message, _ in batch if is_recursive(function, trace_header(message))]
        for message in self._delete(stopped):
            if queue.dead_letter_queue is not None:
                move_to_dead_letter_queue(self._region, message, queue)
        return [pair for pair in batch if pair[0] not in stopped]

    def _poll_when_visible(self, queue: Any) -> None:
        visible_at = store_of(queue).next_visible_at()
        if visible_at is not None:
            self._poll_at(max(visible_at / 1000, self._region.clock.now() + _MIN_DELAY))

    def _invoke(self, batch: list[_Pair]) -> None:
        self._in_flight += 1
        self._attempt(batch, 0, self._region.clock.now())

    def _attempt(self, batch: list[_Pair], throttles: int, began: float) -> None:
        """Invoke the function. A throttled batch is retried until its visibility timeout ends, less a function timeout.

        AWS publishes no figures. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
        """
        payload = json.dumps({"Records": [each for _, each in batch]}).encode()
        messages = [message for message, _ in batch]

        def ended(outcome: Outcome | None) -> None:
            due = self._region.clock.now() + throttling_delay(throttles + 1)
            if outcome is None and due < began + self._seconds_to_retry():
                retry = partial(self._attempt, batch, throttles + 1, began)
                self._region.scheduler.at(due, retry, f"retry of a throttled batch of {self.mapping.function_arn}")
                return
            self._in_flight -= 1
            self._delete(self._processed(messages, outcome))
            self.wake()

        try:
            function = self._consumer.find(self.mapping.function_arn)
        except LookupError:
            self._in_flight -= 1
            self.wake()
            return
        self._consumer.invoke(function, payload, ended, trace_headers=[trace_header(message) for message in messages])

    def _seconds_to_retry(self) -> float:
        """Return how long a throttled batch is retried, so that the function can still process it in time."""
        try:
            timeout = self._consumer.find(self.mapping.function_arn).timeout
        except LookupError:
            return 0
        queue = self._queue
        return 0 if queue is None else float(queue.visibility_timeout) - float(timeout)

    def _processed(self, messages: list[Any], outcome: Outcome | None) -> list[Any]:
        """Return the messages of a batch to delete. The others become visible after their visibility timeout."""
        if outcome is None or outcome.status != "ok":
            return []
        if REPORTS not in (self.mapping.function_response_types or ()):
            return messages
        failed = failed_items(outcome.payload, {message.id for message in messages})
        return [message for message in messages if message.id not in failed]

    def _delete(self, messages: list[Any]) -> list[Any]:
        """Delete messages by their receipts. Return those that were in the queue."""
        queue = self._queue
        if queue is None or not messages:
            return []
        store, deleted = store_of(queue), []
        with store.lock:
            for message in messages:
                found = store.find(message.receipt_handle)
                if found is not None:
                    store.remove(found)
                    deleted.append(found)
        return deleted
