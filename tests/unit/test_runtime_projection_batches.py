"""Projections that receive a batch: its events are folded together, and one that fails is handled alone."""

import json

import pytest
from store_kit import CoinDropped, JarView, Paid

from millrace.events import Metadata, encode
from millrace.runtime import folding, projection, quarantine
from millrace.runtime.read_models import Ledger, Tables


@projection
def sums(event: Paid, row: JarView | None) -> JarView | None:
    if event.value < 0:
        raise ValueError("negative")
    return JarView(jar=event.jar, total=(row.total if row else 0) + event.value)


@pytest.fixture
def tables(table, monkeypatch):
    own = Tables(table("jar"), table("jar"), Ledger(table("id")))
    monkeypatch.setattr(type(sums), "tables", staticmethod(lambda: own))
    return own


@pytest.fixture
def transactions(monkeypatch):
    found, transact = [], folding.transact
    monkeypatch.setattr(folding, "transact", lambda *given: found.append(given) or transact(*given))
    return found


def messages(*events):
    stamped = [encode(event.stamped(Metadata.root(producer="test"))) for event in events]
    return {"Records": [{"messageId": str(n), "body": json.dumps(each)} for n, each in enumerate(stamped)]}


def paid(*values):
    return [Paid(jar="a", value=value) for value in values]


def total(tables):
    return int(tables.blue.get_item(Key={"jar": "a"})["Item"]["total"])


def test_batch_is_folded_in_one_transaction(tables, transactions):
    answer = sums.invoked(messages(*paid(1, 2), Paid(jar="b", value=3)))
    assert answer == {"batchItemFailures": []}
    assert (total(tables), len(transactions)) == (3, 1)


def test_event_that_fails_in_a_batch_fails_alone(tables):
    answer = sums.invoked(messages(*paid(1, -1, 2)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert total(tables) == 3


def test_unexpected_event_in_a_batch_is_quarantined_once(tables, monkeypatch):
    quarantined = []
    monkeypatch.setattr(quarantine, "_send", lambda *given: quarantined.append(given))
    answer = sums.invoked(messages(*paid(1), CoinDropped(value=9), *paid(2)))
    assert answer == {"batchItemFailures": []}
    assert (total(tables), len(quarantined)) == (3, 1)


def test_batch_that_is_delivered_again_is_folded_once(tables):
    batch = messages(*paid(1, 2))
    for _ in range(2):
        sums.invoked(batch)
    assert total(tables) == 3
