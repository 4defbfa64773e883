"""The transactions in which events are folded into rows."""

from types import SimpleNamespace

import pytest
from store_kit import JarView, Paid, keeps

from millrace.events import Metadata
from millrace.runtime import folding
from millrace.runtime.dynamodb import in_batch
from millrace.runtime.folding import Folding, FoldInput
from millrace.runtime.read_models import Ledger, Tables
from millrace.runtime.streams import ConcurrencyError


@pytest.fixture
def tables(table):
    return Tables(table("jar"), table("jar"), Ledger(table("id")))


def paid(value, jar="a", event_id=None):
    metadata = Metadata.root(producer="test")
    return FoldInput.of(
        Paid(jar=jar, value=value).stamped(metadata.model_copy(update={"event_id": event_id} if event_id else {}))
    )


def test_a_row_counts_its_revisions_and_a_mark_its_version(tables):
    green = Folding("green", tables, JarView, keeps.fold)
    for value in (1, 2):
        green.apply([paid(value, event_id=f"e{value}")])
    row = tables.green.get_item(Key={"jar": "a"})["Item"]
    assert row == {"jar": "a", "total": 3, "note": None, "revision": row["revision"]}
    assert {(item["id"], int(item["version"])) for item in tables.ledger.table.scan()["Items"]} == {
        ("green/event/e1", 1),
        ("green/event/e2", 1),
    }


def test_events_are_folded_49_to_a_transaction(tables, monkeypatch):
    written = []
    transact = folding.transact

    def counted(client, writes):
        written.append(len(writes))
        return transact(client, writes)

    monkeypatch.setattr(folding, "transact", counted)
    Folding("blue", tables, JarView, keeps.fold).apply([paid(1) for _ in range(100)])
    assert (written, int(tables.blue.get_item(Key={"jar": "a"})["Item"]["total"])) == ([50, 50, 3], 100)


def test_a_fold_that_is_overtaken_is_tried_20_times(tables, monkeypatch):
    pauses = []
    monkeypatch.setattr("millrace.runtime.folding.transact", lambda *_: ["TransactionConflict"])
    monkeypatch.setattr("millrace.runtime.folding.time.sleep", pauses.append)
    monkeypatch.setattr("millrace.runtime.folding.random.random", lambda: 1)
    with pytest.raises(ConcurrencyError) as caught:
        Folding("blue", tables, JarView, keeps.fold).apply([paid(1)])
    assert str(caught.value) == "1 events could not be folded into JarView: concurrent writes changed its rows."
    assert pauses == [0.01 * 2 ** min(attempt, 6) for attempt in range(20)]


def test_a_row_that_does_not_change_is_not_written(tables):
    same = Folding("blue", tables, JarView, lambda _event, row: row)
    tables.blue.put_item(Item={**JarView(jar="a", total=1).item(), "revision": 1})
    same.apply([paid(1)])
    assert int(tables.blue.get_item(Key={"jar": "a"})["Item"]["revision"]) == 1


def test_keys_that_dynamodb_leaves_unprocessed_are_read_again():
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""
    requests, answers = (
        [],
        [
            {"Responses": {"t": [{"id": 1}]}, "UnprocessedKeys": {"t": {"Keys": [{"id": 2}]}}},
            {"Responses": {}, "UnprocessedKeys": {}},
        ],
    )
    client = SimpleNamespace(batch_get_item=lambda RequestItems: requests.append(RequestItems) or answers.pop(0))  # noqa: N803
    table = SimpleNamespace(name="t", meta=SimpleNamespace(client=client))
    assert list(in_batch(table, [{"id": 1}, {"id": 2}])) == [{"id": 1}]
    assert requests == [{"t": {"Keys": [{"id": 1}, {"id": 2}], "ConsistentRead": True}}, {"t": {"Keys": [{"id": 2}]}}]
    assert list(in_batch(table, [])) == []
