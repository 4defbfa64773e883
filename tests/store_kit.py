"""What the tests of event stores share: a table of streams, and a jar whose coins are counted."""

from dataclasses import dataclass

from millrace.events import Event
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


@dataclass
class Jar:
    """What is in it, and how often something was."""

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
