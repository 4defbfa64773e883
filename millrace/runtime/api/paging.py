"""Pages of a query's results, and the opaque cursor of the next page."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Clamped, Context, Decimal, DecimalException, Inexact, Overflow, Rounded, Underflow
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel

from millrace.runtime.api.http import Problem
from millrace.runtime.dynamodb import number

Item = TypeVar("Item", bound=BaseModel)
LIMIT, MOST = 20, 100
_DIGITS = 38
_NUMBERS = Context(prec=_DIGITS, Emin=-128, Emax=126, traps=[Clamped, Overflow, Inexact, Rounded, Underflow])
"""The numbers of DynamoDB, as boto3 limits them."""


class Page(BaseModel, Generic[Item]):
    """A page of results. `next` is the cursor of the next page, if there is one."""

    items: list[Item]
    next: str | None = None

    @classmethod
    def of(cls, found: Mapping[str, Any], model: type[Item]) -> Self:
        """Return the page of a Query or Scan response of DynamoDB.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
        """
        last = found.get("LastEvaluatedKey")
        items = [model.model_validate(item) for item in found["Items"]]
        return cls(items=items, next=_cursor(last) if last else None)


@dataclass(frozen=True)
class Paging:
    """The page that a caller requests: at most `limit` items after the key `start`."""

    limit: int = LIMIT
    start: dict[str, Any] | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments for a Query or Scan of DynamoDB."""
        return {"Limit": self.limit} | ({"ExclusiveStartKey": self.start} if self.start else {})

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read `limit` and `cursor`. Raises Problem."""
        limit, cursor = query.get("limit", str(LIMIT)), query.get("cursor")
        if not (limit.isascii() and limit.isdecimal() and len(limit) <= _DIGITS and 1 <= int(limit) <= MOST):
            reason = f"should be a number from 1 to {MOST}"
            raise Problem(400, f"limit = {limit!r} {reason}.", [("limit", limit, reason)])
        return cls(int(limit), None if cursor is None else _key(cursor))


def _cursor(key: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, default=_plain).encode()).decode().rstrip("=")


def _plain(value: Any) -> int | float:
    if isinstance(value, Decimal):
        return number(value)
    raise TypeError(f"{value!r} is part of a key, but a cursor cannot contain it.")


def bad_cursor(cursor: str) -> Problem:
    """Return the error response for a cursor that is not from this query."""
    reason = "is not a cursor of this query"
    return Problem(
        404, f"cursor = {cursor!r} {reason}: send the `next` of the previous page.", [("cursor", cursor, reason)]
    )


def _key(cursor: str) -> dict[str, Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True), parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise bad_cursor(cursor) from error
    if not isinstance(key, dict) or not key or not all(map(_is_key, key.values())):
        raise bad_cursor(cursor)
    return key


def _is_key(value: Any) -> bool:
    """Whether boto3 can send a value as a part of a key."""
    try:
        value.encode() if isinstance(value, str) else _NUMBERS.create_decimal(value)
    except (DecimalException, TypeError, ValueError):
        return False
    return True
