"""Task tokens of steps that wait for a callback, in a table of the bus with one item for each callback.

A task token is stored in the table and sent to Step Functions only. External systems get a callback id,
`<item id>.<secret>`, with a secret that cannot be guessed. Each attempt of the task first makes itself the newest one,
and opens the callback just before it publishes its events. Until then the callback cannot be completed; an earlier
attempt cannot be completed at all. The answer is stored in the item, so that an attempt can use it if the one before it
was answered but failed.
"""

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Self

from millrace.events import Envelope
from millrace.runtime.callbacks import Expected
from millrace.runtime.environment import client, table_called
from millrace.runtime.idempotency import setting
from millrace.runtime.records import InProgressError, Key, scope
from millrace.runtime.stores import write_if

CALLBACKS = "MILLRACE_CALLBACKS"
"""The environment variable with the name of the table."""
_RETENTION = int(timedelta(days=20).total_seconds())
"""Seconds for which an item is stored after its timeout. An execution can be redriven for 14 days.

https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""
_RETRY_WINDOW = int(timedelta(minutes=20).total_seconds())
"""Seconds after which an attempt that was killed is either retried or final: an invocation takes at most 15 minutes,
and throttling is retried for about 3."""
_OVER = "A later attempt of this task waits for the answer. This attempt is over."
_ID = re.compile(r"([0-9a-f]{12}-[0-9a-f]{32})\.([\w-]{43})", re.ASCII)


def callback_id_prefix(owner: str) -> str:
    """Return the prefix of the item ids of one function."""
    return hashlib.sha256(owner.encode()).hexdigest()[:12]


class AlreadyAnsweredError(Exception):
    """The callback is completed, but the attempt that requested it failed. The step is invoked with the answer."""


class DifferentAnswerError(Exception):
    """The callback was completed with a different answer."""


class CallbackAttempt:
    """One attempt of a task that waits for a callback. The callback's `id` is the same for all attempts.

    `number` counts the attempts: an attempt that arrives late never replaces a later one. Raises AlreadyAnsweredError,
    and InProgressError for an attempt that is over.
    """

    def __init__(self, key: Key, token: str, number: int, expected: Expected) -> None:
        self._token = token
        self._retry_window = min(_RETRY_WINDOW, expected.seconds)
        self._open = False
        self._item_id = _item_id(key)
        item = self._begin(number, expected)
        if item is None:
            raise InProgressError(_OVER)
        if item.get("sent"):
            raise AlreadyAnsweredError("The answer is stored: the step is invoked with it.")
        self.id = f"{self._item_id}.{item['secret']}"

    def _begin(self, number: int, expected: Expected) -> dict[str, Any] | None:
        until = int(time.time()) + expected.seconds + _RETENTION
        return _write(
            self._item_id,
            "SET secret = if_not_exists(secret, :new), newest = :mine, tries = :number, expected = :expected, "
            "expiration = :until",
            "attribute_not_exists(tries) OR tries <= :number",
            number=number,
            new=secrets.token_urlsafe(32),
            mine=_hashed(self._token),
            expected=expected.names,
            until=until,
        )

    def open(self, published: Sequence[Envelope]) -> None:
        """Allow the callback to be completed, and store the events that the step publishes with its request."""
        if self._open:
            return
        known = {"token": self._token, "mine": _hashed(self._token), "published": _text(published)}
        opening = "SET task_token = :token, published = :published, tried_until = :until"
        until = int(time.time()) + self._retry_window
        if _write(self._item_id, opening, "newest = :mine", **known, until=until) is None:
            raise InProgressError(_OVER)
        self._open = True


@dataclass(frozen=True)
class PendingCallback:
    """The item of a callback. `digest` is the one of its answer; `sent` is true once the answer is final."""

    id: str
    expected: list[str]
    newest: str
    task_token: str = field(default="", repr=False)
    tried_until: int = 0
    digest: str = ""
    sent: bool = False

    @classmethod
    def of(cls, callback_id: str) -> Self | None:
        """Return the callback with this id; None if the id is wrong."""
        known = _ID.fullmatch(callback_id)
        item = _item(known[1]) if known else None
        right = known and item and hmac.compare_digest(item["secret"], known[2])
        return cls._from(item) if item and right else None

    @classmethod
    def _from(cls, item: dict[str, Any]) -> Self:
        return cls(**{known.name: item[known.name] for known in fields(cls) if known.name in item})

    @property
    def is_open(self) -> bool:
        """Whether the newest attempt of the task waits for the answer."""
        return _hashed(self.task_token) == self.newest

    @property
    def may_be_retried(self) -> bool:
        """Whether a task that no longer waits may be about to start again."""
        return time.time() < self.tried_until

    def complete(self, digest: str, event: Envelope) -> bool:
        """Store the first answer and end the task. Returns False if the task does not wait for it.

        Raises DifferentAnswerError if a different answer was stored before.
        """
        known = {"digest": digest, "event": _text(event)}
        first = _write(self.id, "SET digest = :digest, answer = :event", "attribute_not_exists(digest)", **known)
        found = self._from(first or _item(self.id))
        if not found.digest:
            return False  # a concurrent request has removed it in the meantime
        if found.digest != digest:
            raise DifferentAnswerError
        if found.sent:
            return True
        if _succeeds(self.task_token):
            return self._confirm(**known)
        if first:  # as if it had never been stored
            unconfirmed = "digest = :digest AND attribute_not_exists(sent)"
            _write(self.id, "REMOVE digest, answer", unconfirmed, digest=digest)
        return False

    def _confirm(self, **known: str) -> bool:
        """Mark the answer as final, unless a new attempt has begun without it and waits."""
        confirming = "SET digest = :digest, answer = :event, sent = :yes"
        return _write(self.id, confirming, "newest = :mine", mine=self.newest, yes=True, **known) is not None


def receive_answer(key: Key) -> tuple[Envelope, list[Envelope]]:
    """Mark the answer as final. Returns it, and the events that the step published with its request."""
    item = _write(_item_id(key), "SET sent = :yes", "attribute_exists(answer)", yes=True)
    if item is None:
        raise InProgressError("Another request is storing the answer. This attempt is retried.")
    return json.loads(item["answer"]), json.loads(item.get("published", "[]"))


def _succeeds(token: str) -> bool:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html."""
    states = client("stepfunctions")
    over = (states.exceptions.TaskTimedOut, states.exceptions.TaskDoesNotExist, states.exceptions.InvalidToken)
    try:
        states.send_task_success(taskToken=token, output="{}")
    except over:
        return False
    return True


def _write(item_id: str, update: str, condition: str | None = None, **values: Any) -> dict[str, Any] | None:
    """Update an item. Returns the updated item, or None if the condition is false."""
    response = write_if(
        _table().update_item,
        Key={"id": item_id},
        UpdateExpression=update,
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        ReturnValues="ALL_NEW",
        **({"ConditionExpression": condition} if condition else {}),
    )
    return None if response is None else dict(response["Attributes"])


def _item_id(key: Key) -> str:
    return f"{callback_id_prefix(scope())}-{_hashed(*key)[:32]}"


def _item(item_id: str) -> Any:
    return _table().get_item(Key={"id": item_id}, ConsistentRead=True).get("Item")


def _table() -> Any:
    return table_called(setting(CALLBACKS))


def _text(content: Any) -> str:
    """Return JSON in UTF-8, because DynamoDB counts the bytes of UTF-8."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
