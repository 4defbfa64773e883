"""Event source mappings: what Lambda's pollers do with a queue.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from millrace.local.agenda import Item
from millrace.local.journal import references
from millrace.local.plane import queues
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane

POLLERS = 5
"""Batches of one mapping that are in flight at once, where it sets no maximum concurrency."""


class Sources:
    """Polls the queues that functions are mapped to, each time a message comes or becomes visible again."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self._polls: dict[str, Item] = {}
        self._in_flight: Counter[str] = Counter()
        self._windows: dict[str, float] = {}
        self._by_queue: dict[str, list[Any]] | None = None

    def changed(self) -> None:
        """Read the mappings afresh, and poll each queue once."""
        self._by_queue = None
        for queue_arn in list(self._mappings()):
            self.arrived(queue_arn)

    def forget(self) -> None:
        """Forget every mapping."""
        self._by_queue = None
        self._polls.clear()
        self._in_flight.clear()
        self._windows.clear()

    def _mappings(self) -> dict[str, list[Any]]:
        if self._by_queue is None:
            self._by_queue = {}
            for mapping in self._plane.state.lambda_._event_source_mappings.values():  # noqa: SLF001 - moto's
                if mapping.enabled and ":sqs:" in mapping.event_source_arn:
                    self._by_queue.setdefault(mapping.event_source_arn, []).append(mapping)
        return self._by_queue

    def arrived(self, queue_arn: str) -> None:
        """Poll a queue now, as something in it has changed."""
        for mapping in self._mappings().get(queue_arn, ()):
            self._plan(mapping, self._plane.clock.now())

    def _plan(self, mapping: Any, due: float) -> None:
        planned = self._polls.get(mapping.uuid)
        if planned and not planned.done:
            if planned.due <= due:
                return
            self._plane.agenda.cancel(planned)
        what = f"poll of {mapping.event_source_arn.rpartition(':')[2]}"
        self._polls[mapping.uuid] = self._plane.agenda.at(due, lambda: self._poll(mapping), what)

    def _poll(self, mapping: Any) -> None:
        if mapping not in self._mappings().get(mapping.event_source_arn, ()):
            return
        limit = (mapping.scaling_config or {}).get("MaximumConcurrency", POLLERS)
        if self._in_flight[mapping.uuid] >= limit:
            return  # the end of a batch polls again
        queue = self._plane.state.queue(mapping.event_source_arn)
        if self._waits_for_more(mapping, queue):
            return
        messages = self._receive(mapping, queue)
        if messages:
            self._hand_over(mapping, queue, messages)
            self.arrived(queue.queue_arn)
        else:
            self._poll_when_visible(mapping, queue)

    def _waits_for_more(self, mapping: Any, queue: Any) -> bool:
        """Whether the batching window is open and the batch not full."""
        window = mapping.max_batch_window or 0
        visible = len(queue.messages) if window else 0
        if not window or not visible or visible >= mapping.batch_size:
            self._windows.pop(mapping.uuid, None)
            return False
        ends = self._windows.setdefault(mapping.uuid, self._plane.clock.now() + window)
        if ends <= self._plane.clock.now():
            self._windows.pop(mapping.uuid)
            return False
        self._plan(mapping, ends)
        return True

    def _receive(self, mapping: Any, queue: Any) -> list[Any]:
        messages: list[Any] = self._plane.state.sqs.receive_message(
            queue.name, mapping.batch_size, 0, queue.visibility_timeout, ["All"]
        )
        return messages

    def _poll_when_visible(self, mapping: Any, queue: Any) -> None:
        due = queues.next_visible(queue)
        if due is not None:
            self._plan(mapping, max(due, self._plane.clock.now() + 0.001))

    def _hand_over(self, mapping: Any, queue: Any, messages: list[Any]) -> None:
        self._in_flight[mapping.uuid] += 1
        payload = json.dumps({"Records": [queues.record(message, queue) for message in messages]}).encode()

        def ended(outcome: Outcome | None) -> None:
            self._in_flight[mapping.uuid] -= 1
            for message in self._handled(mapping, messages, outcome):
                if queue.name in self._plane.state.sqs.queues:
                    self._plane.state.sqs.delete_message(queue.name, message.receipt_handle)
            self.arrived(queue.queue_arn)

        try:
            function = self._plane.functions.find(mapping.function_arn)
        except LookupError:
            ended(None)
            return
        self._plane.functions.invoke(function, payload, ended)

    @staticmethod
    def _handled(mapping: Any, messages: list[Any], outcome: Outcome | None) -> list[Any]:
        """The messages of a batch that may be deleted.

        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
        """
        if outcome is None or outcome.status != "ok":
            return []
        if "ReportBatchItemFailures" not in (mapping.function_response_types or ()):
            return messages
        failed = _failed(outcome.payload, {message.id for message in messages})
        return [message for message in messages if message.id not in failed]

    def moved_to_dead_letters(self, message: Any, queue_arn: str) -> None:
        """Remember a message that its queue's redrive policy has moved."""
        body = {"Records": [{"body": message.body, "messageId": message.id}]}
        source = message.system_attributes.get("DeadLetterQueueSourceArn", "")
        for mapping in self._mappings().get(source, ()):
            name = self._plane.functions.name_of(mapping.function_arn)
            self._plane.remember_dead_letter(references(body), queue_arn, name)


def _failed(payload: bytes, known: set[str]) -> set[str]:
    """The ids that a partial batch response names; an answer that Lambda cannot read fails the whole batch."""
    try:
        answer = json.loads(payload)
    except ValueError:
        return known
    failures = (answer or {}).get("batchItemFailures") if isinstance(answer, dict | None) else None
    if not failures:
        return set()
    ids = {failure.get("itemIdentifier") for failure in failures}
    return min(ids, known)
