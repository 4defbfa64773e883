"""The tokens of tasks that wait, in a table of the bus: one item for each waiting, whoever has tried it.

A token goes into the table and to Step Functions, and nowhere else. Outside is known `<place>.<secret>`: which item it
is, and what nobody can guess. A try begins by making itself the newest one, and opens the item as its last act before
it publishes: until then its callback is not answered, and that of a try before it not any more. The answer lies in the
item, too: a try that was answered, and failed nevertheless, is followed by one that finds it there.
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
from functools import cache
from typing import Any, Self

from millrace.events import Envelope
from millrace.runtime.callbacks import Expected
from millrace.runtime.idempotency import InProgressError, Key, named, scope
from millrace.runtime.stores import table_called, write_if

CALLBACKS = "MILLRACE_CALLBACKS"
"""The environment: the table."""
_AFTERWARDS = int(timedelta(days=20).total_seconds())
"""For how long a callback that is over is known: its execution may be redriven for 14 days.

https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""
_TRIES = int(timedelta(minutes=20).total_seconds())
"""A try that was killed after it had opened: by then the next one has begun, or never will. A call takes at most 15
minutes, and throttling is tried for some 3."""
_OVER = "A later try of this task waits for the answer; this one is over."
_ID = re.compile(r"([0-9a-f]{12}-[0-9a-f]{32})\.([\w-]{43})", re.ASCII)


def callback_id_prefix(owner: str) -> str:
    """What the places of one function begin with."""
    return hashlib.sha256(owner.encode()).hexdigest()[:12]


class AlreadyAnsweredError(Exception):
    """The answer came in, and the try that asked has failed: its state machine goes on with the answer."""


class Asking:
    """One try of a task that waits. The callback's `id` is the same for all tries.

    `number` counts them: one that comes late, or again, takes the place of none after it. Raises AlreadyAnsweredError,
    and InProgressError for one that is over.
    """

    def __init__(self, key: Key, token: str, number: int, expected: Expected) -> None:
        self._token = token
        self._tried_for = min(_TRIES, expected.seconds)
        self._open = False
        self._place = _place_of(key)
        item = self._begin(number, expected)
        if item is None:
            raise InProgressError(_OVER)
        if item.get("sent"):
            raise AlreadyAnsweredError("The answer is here: the step is called with it.")
        self.id = f"{self._place}.{item['secret']}"

    def _begin(self, number: int, expected: Expected) -> dict[str, Any] | None:
        until = int(time.time()) + expected.seconds + _AFTERWARDS
        return _write(
            self._place,
            "SET secret = if_not_exists(secret, :new), newest = :mine, tries = :number, expected = :expected, "
            "expiration = :until",
            "attribute_not_exists(tries) OR tries <= :number",
            number=number,
            new=secrets.token_urlsafe(32),
            mine=_hashed(self._token),
            expected=expected.names,
            until=until,
        )

    def open(self, said: Sequence[Envelope]) -> None:
        """Let the callback be answered; what the step has said meanwhile goes on with its answer."""
        if self._open:
            return
        known = {"token": self._token, "mine": _hashed(self._token), "published": _text(said)}
        opening = "SET task_token = :token, published = :published, tried_until = :until"
        until = int(time.time()) + self._tried_for
        if _write(self._place, opening, "newest = :mine", **known, until=until) is None:
            raise InProgressError(_OVER)
        self._open = True


@dataclass(frozen=True)
class Waiting:
    """An item, as whoever answers finds it. `digest` is that of the answer that was given, `sent` once it counts."""

    id: str
    expected: list[str]
    newest: str
    task_token: str = field(default="", repr=False)
    tried_until: int = 0
    digest: str = ""
    sent: bool = False

    @classmethod
    def of(cls, callback_id: str) -> Self | None:
        """The waiting of a callback's id; None for a wrong one."""
        known = _ID.fullmatch(callback_id)
        item = _item(known[1]) if known else None
        right = known and item and hmac.compare_digest(item["secret"], known[2])
        return cls._from(item) if item and right else None

    @classmethod
    def _from(cls, item: dict[str, Any]) -> Self:
        return cls(**{known.name: item[known.name] for known in fields(cls) if known.name in item})

    @property
    def is_open(self) -> bool:
        """Whether the newest try of the task waits for the answer."""
        return _hashed(self.task_token) == self.newest

    @property
    def may_be_tried_again(self) -> bool:
        """Whether its task, if nobody waits any more, may be about to begin anew."""
        return time.time() < self.tried_until

    def give(self, digest: str, event: Envelope) -> bool:
        """Keep an answer, unless there was one before, and end the task. False if nobody waits for it.

        Raises DifferentAnswerError if there was another one.
        """
        known = {"digest": digest, "event": _text(event)}
        first = _write(self.id, "SET digest = :digest, answer = :event", "attribute_not_exists(digest)", **known)
        found = self._from(first or _item(self.id))
        if not found.digest:
            return False  # it was there a moment ago: another call of the door has taken it back
        if found.digest != digest:
            raise DifferentAnswerError
        if found.sent:
            return True
        if _succeeds(self.task_token):
            return self._counts(**known)
        if first:  # as if it had never been given
            still = "digest = :digest AND attribute_not_exists(sent)"
            _write(self.id, "REMOVE digest, answer", still, digest=digest)
        return False

    def _counts(self, **known: str) -> bool:
        """Say that the answer counts. Not if a try has begun meanwhile that knows nothing of it, and waits."""
        counting = "SET digest = :digest, answer = :event, sent = :yes"
        return _write(self.id, counting, "newest = :mine", mine=self.newest, yes=True, **known) is not None


class DifferentAnswerError(Exception):
    """A callback has been answered with something else."""


def heard(key: Key) -> tuple[Envelope, list[Envelope]]:
    """The answer to what was asked, and what the step said when it asked. From now on the answer counts."""
    item = _write(_place_of(key), "SET sent = :yes", "attribute_exists(answer)", yes=True)
    if item is None:
        raise InProgressError("The answer is being kept by another call of the door: this try is followed by one.")
    return json.loads(item["answer"]), json.loads(item.get("published", "[]"))


def _succeeds(token: str) -> bool:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html."""
    states = _states()
    over = (states.exceptions.TaskTimedOut, states.exceptions.TaskDoesNotExist, states.exceptions.InvalidToken)
    try:
        states.send_task_success(taskToken=token, output="{}")
    except over:
        return False
    return True


def _write(place: str, update: str, condition: str | None = None, **values: Any) -> dict[str, Any] | None:
    """Update an item; gives it as it is then, or None where the condition does not hold."""
    answer = write_if(
        _table().update_item,
        Key={"id": place},
        UpdateExpression=update,
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        ReturnValues="ALL_NEW",
        **({"ConditionExpression": condition} if condition else {}),
    )
    return None if answer is None else dict(answer["Attributes"])


def _place_of(key: Key) -> str:
    return f"{callback_id_prefix(scope())}-{_hashed(*key)[:32]}"


def _item(place: str) -> Any:
    return _table().get_item(Key={"id": place}, ConsistentRead=True).get("Item")


def _table() -> Any:
    return table_called(named(CALLBACKS))


@cache
def _states() -> Any:
    import boto3  # noqa: PLC0415 - only who answers needs it

    return boto3.client("stepfunctions")


def _text(content: Any) -> str:
    """As JSON, of which DynamoDB counts the bytes of UTF-8."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
