"""Shared by the tests of event stores and projections: events, aggregates, views, tables, and crashes at API calls."""

from dataclasses import dataclass

from botocore.client import BaseClient

from millrace.events import Event
from millrace.runtime import View, projection
from millrace.runtime.streams import BY_POSITION


class CoinDropped(Event, source="test.jar"):
    value: int


class PriceSet(Event, source="test.shelf"):
    sku: str
    price: int
    old_price: int


class JarEmptied(Event, source="test.jar"):
    pass


class CoinCounted(Event, source="test.jar", version=2):
    value: int
    currency: str


@CoinCounted.upcaster(from_version=1)
def _in_euros(data):
    return {**data, "currency": "EUR"}


class Paid(Event, source="test.till"):
    jar: str
    value: int


class Emptied(Event, source="test.till"):
    jar: str


class JarView(View, key="jar"):
    jar: str
    total: int = 0
    note: str | None = None


@projection
def keeps(event: Paid, row: JarView | None) -> JarView | None:
    """Project the payments into the total of a jar."""
    return JarView(jar=event.jar, total=(row.total if row else 0) + event.value)


@dataclass
class Jar:
    """The total of a jar, and the number of its coins."""

    total: int = 0
    coins: int = 0

    def drop(self, value):
        return CoinDropped(value=value)

    def empty(self):
        return JarEmptied() if self.total else None

    def apply(self, event: CoinDropped | JarEmptied | CoinCounted) -> None:
        match event:
            case CoinDropped(value=value) | CoinCounted(value=value):
                self.total += value
                self.coins += 1
            case JarEmptied():
                self.total = 0


def make_table(dynamodb, name="jars"):
    """The table of an event store, as the construct makes it."""
    kinds = {"stream": "S", "version": "N", "log": "S", "position": "N"}
    return dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "stream", "KeyType": "HASH"}, {"AttributeName": "version", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in kinds.items()],
        GlobalSecondaryIndexes=[
            {
                "IndexName": BY_POSITION,
                "KeySchema": [
                    {"AttributeName": "log", "KeyType": "HASH"},
                    {"AttributeName": "position", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )


class Killed(BaseException):
    """The code under test was killed, as by SIGKILL: nothing in it catches this."""


class Kills:
    """Kills the code under test once, before or after its nth call of AWS's APIs, or of one operation."""

    def __init__(self, monkeypatch):
        self._left = 0
        made = BaseClient._make_api_call
        monkeypatch.setattr(BaseClient, "_make_api_call", lambda *call: self.call(call[1], lambda: made(*call)))

    def at(self, number, *, before, operation=None):
        self._left, self._before, self._operation = number, before, operation

    def call(self, operation, make):
        here = self._left > 0 and self._operation in (None, operation)
        self._left -= here
        if here and self._left == 0 and self._before:
            raise Killed(operation)
        answer = make()
        if here and self._left == 0:
            raise Killed(operation)
        return answer

    def happens(self, run):
        """Whether code is killed."""
        try:
            run()
        except Killed:
            return True
        self._left = 0
        return False
