"""Each event is handled once: what was said for it is kept, and said again to whoever delivers it again.

A record is taken before the handler runs, keeps the answer before it is published, and notes when it is. Whatever is
killed in between, a later delivery goes on from there. What a handler writes once: see `update_once`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from millrace.events import Envelope

Key = tuple[str, ...]
Say = Callable[[list[Key]], list[Envelope]]
TABLE, SCOPE, SECONDS = "MILLRACE_IDEMPOTENCY_TABLE", "MILLRACE_SCOPE", "MILLRACE_IDEMPOTENCY_SECONDS"
"""The environment that says where the records of a function are, what they begin with, and how long they count."""


class InProgressError(RuntimeError):
    """An event is being handled by another delivery of it; this one is to be tried again later."""


class PayloadMismatchError(RuntimeError):
    """The idempotency key of an event was used before by another event, with other data.

    `fingerprint` is that of the event which has the key.
    """

    def __init__(self, message: str, fingerprint: str = "") -> None:
        super().__init__(message)
        self.fingerprint = fingerprint


@dataclass(frozen=True)
class Answer:
    """What was said for an event, and whether it is known to be published."""

    envelopes: list[Envelope]
    published: bool


class Records(Protocol):
    """The records of one function."""

    def begin(self, key: Key, milliseconds: int, fingerprint: str = "") -> Answer | None:
        """Take an event on for so long; None, unless it has its answer.

        Raises InProgressError, and PayloadMismatchError for an event whose fingerprint is another one.
        """

    def keep(self, keys: Sequence[Key], answer: Answer) -> None:
        """Keep the answer to events that were handled together, all at once."""

    def release(self, key: Key, error: Exception) -> None:
        """Let go of an event that could not be handled."""


class Once:
    """Does what is to be done for each key once, and hands what is not known to be published to `publish`.

    With `replies`, whoever comes again is told what was said, although it is published. `fingerprints` are those of
    the events; after `do`, each is that of the event which has the key. A key whose record has another fingerprint is
    skipped.
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

    def publish(self, said: list[Envelope]) -> list[Envelope]:
        """Publish what was said, and give it."""
        if said:
            self._publish(said)
        return said

    def do(self, keys: Sequence[Key], milliseconds: int, say: Say) -> list[Envelope]:
        """Call `say` with the keys that are new, within so long; what was said for all of them, now or before."""
        answers = self._begin(keys, milliseconds)
        new = [key for key, answer in answers.items() if answer is None]
        if new:
            answers[new[0]] = self._say(new, say)
        return [envelope for key, answer in answers.items() if answer for envelope in self._published(key, answer)]

    def _begin(self, keys: Sequence[Key], milliseconds: int) -> dict[Key, Answer | None]:
        answers: dict[Key, Answer | None] = {}
        try:
            for key in keys:
                with self._skipped_unless_it_matches(key):
                    answers[key] = records().begin(key, milliseconds, self.fingerprints.get(key, ""))
        except Exception as error:
            _release([key for key, answer in answers.items() if answer is None], error)
            raise
        return answers

    @contextmanager
    def _skipped_unless_it_matches(self, key: Key) -> Iterator[None]:
        try:
            yield
        except PayloadMismatchError as mismatch:
            self.fingerprints[key] = mismatch.fingerprint

    @staticmethod
    def _say(new: list[Key], say: Say) -> Answer:
        try:
            said = say(new)
        except Exception as error:
            _release(new, error)
            raise
        answer = Answer(said, published=not said)
        records().keep(new, answer)
        return answer

    def _published(self, key: Key, answer: Answer) -> list[Envelope]:
        if not answer.published:
            self._publish(answer.envelopes)
            records().keep([key], Answer(answer.envelopes if self._replies else [], published=True))
        return answer.envelopes


def _release(keys: Iterable[Key], error: Exception) -> None:
    for key in keys:
        records().release(key, error)


@cache
def records() -> Records:
    """The records of this function."""
    from millrace.runtime.dynamodb_records import DynamoDBRecords  # noqa: PLC0415 - boto3 and Powertools, when an event is there

    return DynamoDBRecords(table=named(TABLE), scope=named(SCOPE), seconds=int(named(SECONDS)))


def scope() -> str:
    """What tells this function's events from those of another with the same handler; nothing outside of a stack."""
    return os.environ.get(SCOPE, "")


def named(variable: str) -> str:
    """A setting of the construct. Raises LookupError."""
    if variable not in os.environ:
        raise LookupError(
            f"{variable} is not set: the construct of a function sets it, unless the handler is declared repeatable."
        )
    return os.environ[variable]
