"""The table of windows, on moto's DynamoDB."""

from dataclasses import replace

import pytest

from millrace.runtime.stream.window_table import OPEN_WINDOWS, Stored, WindowChangedError, WindowTable
from millrace.runtime.stream.windows import Part


@pytest.fixture
def windows(dynamodb):
    """An empty table with the key and the index of the construct."""
    names = {"key": "S", "window": "N", "open": "N"}
    index = [{"AttributeName": "key", "KeyType": "HASH"}, {"AttributeName": "open", "KeyType": "RANGE"}]
    table = dynamodb.create_table(
        TableName="windows",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}, {"AttributeName": "window", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in names.items()],
        LocalSecondaryIndexes=[
            {"IndexName": OPEN_WINDOWS, "KeySchema": index, "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    yield WindowTable(table, due=lambda number: (number + 1) * 60.0)
    table.delete()


def window(key, number):
    return Stored((key, number), Part(1, 5, {"celsius": [1]}, b"12345678"), {"shardId-0": 5})


def test_open_windows_of_keys_are_found_in_order_and_closed_ones_are_not(windows):
    for key, number in (("b", 7), ("a", 12), ("a", 3), ("a", 5), ("c", 1)):
        windows.write(window(key, number))
    known = windows.known([("a", 5)])
    windows.write(replace(known["a", 5], closed=True))
    assert list(windows.open({"b", "a"})) == [("a", 3), ("a", 12), ("b", 7)]
    assert windows.known([("a", 5)])["a", 5].closed


def test_stored_window_is_read_back(windows):
    windows.write(replace(window("a", 3), failures=2))
    stored = windows.known([("a", 3), ("a", 4)])["a", 3]
    assert (stored.part.count, stored.part.fields, stored.part.ids) == (1, {"celsius": [1]}, b"12345678")
    assert (stored.marks, stored.failures, stored.version, stored.closed) == ({"shardId-0": 5}, 2, 1, False)


@pytest.mark.parametrize("first", [True, False], ids=["new", "stored"])
def test_window_that_another_invocation_has_changed_is_not_overwritten(windows, first):
    if not first:
        windows.write(window("a", 3))
    before = windows.known([("a", 3)]).get(("a", 3), window("a", 3))
    windows.write(replace(before, failures=1))
    with pytest.raises(WindowChangedError, match="'a' was changed by another invocation"):
        windows.write(before)
    assert windows.known([("a", 3)])["a", 3].failures == 1
