"""Send entries in as few calls as a service allows, and retry those that it refuses.

PutEvents and PutRecords answer each entry with a result, in order; a refused one has an `ErrorCode`.
"""

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

E = TypeVar("E")
Refused = list[tuple[E, str, str]]
"""Entries with the code and the message of their error."""


@dataclass(frozen=True, kw_only=True)
class EntrySender(Generic[E]):
    """Sends entries in order by `send`, which returns a result for each entry; `size` returns the bytes of one.

    Retry n follows after `pause` x 2^n seconds, or down to half of that. `retriable` has the codes that are retried;
    without it, all are.
    """

    send: Callable[[list[E]], list[Any]]
    size: Callable[[E], int]
    max_entries: int
    max_bytes: int
    attempts: int
    pause: float = 0.1
    sleep: Callable[[float], None] = time.sleep
    retriable: Collection[str] | None = None

    def put(self, entries: Iterable[E]) -> tuple[int, Refused[E]]:
        """Send entries. Return their number, and those that are refused, also after retries."""
        count: int = 0
        refused: Refused[E] = []
        for call in self._calls(entries):
            count += len(call)
            refused += self._put(call)
        return count, refused

    def _calls(self, entries: Iterable[E]) -> Iterator[list[E]]:
        call: list[E] = []
        size = 0
        for entry in entries:
            more = self.size(entry)
            if call and (len(call) == self.max_entries or size + more > self.max_bytes):
                yield call
                call, size = [], 0
            call.append(entry)
            size += more
        if call:
            yield call

    def _put(self, entries: list[E]) -> Refused[E]:
        final, again = self._put_once(entries)
        for attempt in range(self.attempts - 1):
            if not again:
                break
            self.sleep(self.pause * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret
            refused, again = self._put_once([entry for entry, _, _ in again])
            final += refused
        return final + again

    def _put_once(self, entries: list[E]) -> tuple[Refused[E], Refused[E]]:
        """Return the entries that are refused finally, and those to send again."""
        refused = [
            (entry, result["ErrorCode"], result.get("ErrorMessage", ""))
            for entry, result in zip(entries, self.send(entries), strict=True)
            if result.get("ErrorCode")
        ]
        if self.retriable is None:
            return [], refused
        final = [each for each in refused if each[1] not in self.retriable]
        return final, [each for each in refused if each[1] in self.retriable]
