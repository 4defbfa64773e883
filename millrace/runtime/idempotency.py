"""Idempotency: handle each event once, although it can be delivered more than once.

A record is created before the handler runs. It stores the result before the result is published, and is marked as
published afterwards. A function can be killed at any point: a later delivery continues from the record. For writes of
the handler itself, use `update_once`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial

from millrace.events import Envelope
from millrace.runtime.environment import client, required
from millrace.runtime.records import SCOPE, Key, PayloadMismatchError, Records, Result

Produce = Callable[[list[Key]], list[Envelope]]
TABLE, SECONDS = "MILLRACE_IDEMPOTENCY_TABLE", "MILLRACE_IDEMPOTENCY_SECONDS"
"""The environment variables with the table of the records, and the time after which a record expires."""
setting = partial(required, fix="the construct of a function sets it, unless the handler is declared repeatable.")


class Once:
    """Runs a handler once for each key, and publishes results that are not marked as published.

    With `replies`, a repeated call also returns a result that is published. `fingerprints` are those of the events;
    after `do` they are those of the records. A key whose record has another fingerprint is skipped.
    """

    def __init__(
        self,
        publish: Callable[[list[Envelope]], None],
        *,
        replies: bool = False,
        fingerprints: Mapping[Key, str] | None = None,
    ) -> None:
        self._publish = publish
        self._replies = replies
        self.fingerprints = dict(fingerprints or {})

    def publish(self, envelopes: list[Envelope]) -> list[Envelope]:
        """Publish events and return them."""
        if envelopes:
            self._publish(envelopes)
        return envelopes

    def do(self, keys: Sequence[Key], milliseconds: int, produce: Produce) -> list[Envelope]:
        """Call `produce` with the new keys, locked for this time. Returns the events of all keys."""
        results = self._begin(keys, milliseconds)
        new = [key for key, result in results.items() if result is None]
        if new:
            results[new[0]] = self._produce(new, produce)
        return [envelope for key, result in results.items() if result for envelope in self._published(key, result)]

    def _begin(self, keys: Sequence[Key], milliseconds: int) -> dict[Key, Result | None]:
        results: dict[Key, Result | None] = {}
        try:
            for key in keys:
                self._begin_one(key, milliseconds, results)
        except Exception as error:
            _release([key for key, result in results.items() if result is None], error)
            raise
        return results

    def _begin_one(self, key: Key, milliseconds: int, results: dict[Key, Result | None]) -> None:
        try:
            results[key] = records().begin(key, milliseconds, self.fingerprints.get(key, ""))
        except PayloadMismatchError as mismatch:
            self.fingerprints[key] = mismatch.fingerprint

    @staticmethod
    def _produce(new: list[Key], produce: Produce) -> Result:
        try:
            envelopes = produce(new)
        except Exception as error:
            _release(new, error)
            raise
        result = Result(envelopes, published=not envelopes)
        records().save(new, result)
        return result

    def _published(self, key: Key, result: Result) -> list[Envelope]:
        if not result.published:
            self._publish(result.envelopes)
            records().save([key], Result(result.envelopes if self._replies else [], published=True))
        return result.envelopes


def _release(keys: Iterable[Key], error: Exception) -> None:
    for key in keys:
        records().release(key, error)


@cache
def records() -> Records:
    """Return the records of this function."""
    from millrace.runtime.dynamodb_records import DynamoDBRecords  # noqa: PLC0415 - imports boto3 and Powertools

    return DynamoDBRecords(
        table=setting(TABLE), scope=setting(SCOPE), seconds=int(setting(SECONDS)), client=client("dynamodb")
    )
