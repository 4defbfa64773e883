"""The requests that an event store makes to DynamoDB, and the forms of its items."""

from types import SimpleNamespace

import pytest
from store_kit import make_table

from millrace.runtime import ConcurrencyError, streams
from millrace.runtime.dynamodb import transact
from millrace.runtime.streams import Stored, Streams

ENVELOPE = {"source": "test.jar", "detail-type": "Dropped", "detail": {"metadata": {"a": 1}, "data": {"b": "é"}}}


class Cancelled(Exception):
    def __init__(self, *codes):
        super().__init__(codes)
        self.response = {"CancellationReasons": [{"Code": code} if code else {} for code in codes]}


class Client:
    """Fails its transactions as listed."""

    exceptions = SimpleNamespace(TransactionCanceledException=Cancelled)

    def __init__(self, *failures):
        self.failures, self.requests = list(failures), []

    def transact_write_items(self, TransactItems):  # noqa: N803 - AWS's own name
        self.requests.append(TransactItems)
        if self.failures and (failure := self.failures.pop(0)):
            raise failure


def store(*failures, last=None):
    """A store over a table that has only a counter and transactions."""
    client = Client(*failures)
    item = {} if last is None else {"Item": {"last": last}}
    table = SimpleNamespace(name="jars", meta=SimpleNamespace(client=client), get_item=lambda **_: item)
    return Streams(table), client.requests


@pytest.fixture
def clock(monkeypatch):
    """The pauses of a store, without their jitter, at a fixed time."""
    pauses = []
    monkeypatch.setattr(
        streams, "time", SimpleNamespace(sleep=pauses.append, time_ns=lambda: 1_700_000_000_123_999_999)
    )
    monkeypatch.setattr(streams, "random", SimpleNamespace(random=lambda: 1))
    return pauses


def events(count, first=1, stream="a"):
    return [Stored(stream, first + number, ENVELOPE) for number in range(count)]


def put(item):
    names = {"#stream": "stream"}
    condition = {"ConditionExpression": "attribute_not_exists(#stream)", "ExpressionAttributeNames": names}
    return {"Put": {"TableName": "jars", "Item": item, **condition}}


ITEM = {
    "stream": "a",
    "version": 1,
    "source": "test.jar",
    "detail_type": "Dropped",
    "detail": '{"metadata":{"a":1},"data":{"b":"é"}}',
    "log": "pending.3",
    "position": 1_700_000_000_123,
}


def test_an_event_is_an_item_and_comes_back_the_same(clock):
    assert Stored("a", 1, ENVELOPE).item() == ITEM
    assert Stored.of(ITEM) == Stored("a", 1, ENVELOPE, None)
    assert Stored.of({**ITEM, "log": "run.000000000000", "position": 7}) == Stored("a", 1, ENVELOPE, 7)


def test_the_bytes_of_an_event_are_those_of_its_claim():
    claimed = {**ENVELOPE, "detail": {"claim": {"bytes": 70}}}
    assert (Stored("a", 1, claimed).bytes, Stored("a", 1, ENVELOPE).bytes) == (70, 0)


def test_the_first_events_of_a_stream_have_no_condition_but_their_own(clock):
    jars, requests = store()
    assert jars.append(events(2)) is True
    assert requests == [[put(ITEM), put({**ITEM, "version": 2})]]


def test_later_events_need_the_one_before_them(clock):
    jars, requests = store()
    jars.append(events(1, first=3))
    check = {
        "TableName": "jars",
        "Key": {"stream": "a", "version": 2},
        "ConditionExpression": "attribute_exists(#stream)",
        "ExpressionAttributeNames": {"#stream": "stream"},
    }
    assert requests == [[{"ConditionCheck": check}, put({**ITEM, "version": 3})]]


def test_an_append_under_a_name_is_marked_with_its_versions(clock):
    jars, requests = store()
    jars.append(events(2), once="e-1")
    assert requests[0][0] == put({"stream": "$once/a/e-1", "version": 0, "first": 1, "last": 2})
    assert len(requests[0]) == 3


def test_an_append_that_was_made_before_is_not_made_again(clock):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    jars, _ = store(Cancelled("ConditionalCheckFailed", "None"))
    assert jars.append(events(1), once="e-1") is False


@pytest.mark.parametrize(
    ("codes", "once"),
    [
        (("ConditionalCheckFailed", None), None),
        (("None", "ConditionalCheckFailed"), "e-1"),
        (("TransactionConflict", "None"), "e-1"),
    ],
)
def test_an_append_to_another_version_is_a_conflict(clock, codes, once):
    jars, _ = store(Cancelled(*codes))
    with pytest.raises(ConcurrencyError) as caught:
        jars.append(events(1, first=4), once=once)
    assert str(caught.value) == "a is no longer at version 3: load it and decide again."


def test_a_transaction_that_fails_otherwise_raises():
    client = Client(Cancelled("None", "ThrottlingError"))
    with pytest.raises(Cancelled):
        transact(client, [("jars", {"Put": {"Item": {}}})])


def test_a_transaction_names_the_table_of_each_item():
    client = Client(None, Cancelled("None", "TransactionConflict"))
    items = [("jars", {"Put": {"Item": {"a": 1}}}), ("marks", {"Delete": {"Key": {"b": 2}}})]
    assert transact(client, items) == []
    assert client.requests == [
        [{"Put": {"TableName": "jars", "Item": {"a": 1}}}, {"Delete": {"TableName": "marks", "Key": {"b": 2}}}]
    ]
    assert transact(client, items) == [None, "TransactionConflict"]


# -- positions ---------------------------------------------------------------------------------------------------------


def count(last, following):
    values = {":next": following, **({":last": last} if last else {})}
    update = {
        "TableName": "jars",
        "Key": {"stream": "$log", "version": 0},
        "UpdateExpression": "SET #last = :next",
        "ConditionExpression": "#last = :last" if last else "attribute_not_exists(#last)",
        "ExpressionAttributeNames": {"#last": "last"},
        "ExpressionAttributeValues": values,
    }
    return {"Update": update}


def position(version, number, run="run.000000000000"):
    update = {
        "TableName": "jars",
        "Key": {"stream": "a", "version": version},
        "UpdateExpression": "SET #log = :log, #position = :position",
        "ConditionExpression": "begins_with(#log, :pending)",
        "ExpressionAttributeNames": {"#log": "log", "#position": "position"},
        "ExpressionAttributeValues": {":log": run, ":position": number, ":pending": "pending"},
    }
    return {"Update": update}


@pytest.mark.parametrize(
    ("last", "run"), [(None, "run.000000000000"), (7, "run.000000000000"), (199, "run.000000000001")]
)
def test_positions_follow_the_last_one(clock, last, run):
    jars, requests = store(last=last)
    jars.assign_positions(events(2))
    before = last or 0
    assert requests == [[count(last, before + 2), position(1, before + 1, run), position(2, before + 2, run)]]
    assert jars.head() == before


def test_positions_are_given_50_at_a_time(clock):
    jars, requests = store()
    jars.assign_positions(events(101))
    assert [len(request) for request in requests] == [51, 51, 2]


def test_events_that_have_a_position_keep_it(clock):
    jars, requests = store(Cancelled("None", "ConditionalCheckFailed", "None"))
    jars.assign_positions(events(2))
    assert requests[1] == [count(None, 1), position(2, 1)]
    jars, requests = store(Cancelled("None", "ConditionalCheckFailed"))
    jars.assign_positions(events(1))
    assert len(requests) == 1


def test_positions_are_tried_20_times(clock):
    jars, requests = store(*[Cancelled("TransactionConflict", "None")] * 20)
    with pytest.raises(ConcurrencyError) as caught:
        jars.assign_positions(events(1))
    assert str(caught.value) == "1 published events have no position: too many relays assign positions concurrently."
    assert (len(requests), clock) == (20, [0.01 * 2 ** min(attempt, 6) for attempt in range(20)])


# -- reading -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def jars(dynamodb):
    made = make_table(dynamodb)
    yield Streams(made)
    made.delete()


def versions(found):
    return [stored.version for stored in found]


def test_a_stream_is_read_behind_a_version_and_up_to_one(jars):
    jars.append(events(5))
    jars.append(events(1, stream="b"))
    assert versions(jars.read("a")) == [1, 2, 3, 4, 5]
    assert versions(jars.read("a", 2)) == [3, 4, 5]
    assert versions(jars.read("a", 2, 4)) == [3, 4]


def test_what_was_appended_under_a_name_is_found_by_it(jars):
    jars.append(events(2))
    jars.append(events(2, first=3), once="e-1")
    jars.append(events(1, first=5))
    assert versions(jars.appended("a", "e-1")) == [3, 4]
    assert jars.appended("a", "e-2") == jars.appended("b", "e-1") == []


def test_a_snapshot_replaces_the_one_before(jars):
    assert jars.snapshot("a") is None
    for at in (1, 2):
        jars.save_snapshot("a", {"at": at, "state": "x"})
    assert jars.snapshot("a") == {"stream": "a", "version": 0, "at": 2, "state": "x"}
    assert versions(jars.read("a")) == []


def test_events_are_pending_since_they_were_appended(jars, monkeypatch):
    assert jars.pending_since(10**15) is False
    monkeypatch.setattr(streams.time, "time_ns", lambda: 5_000_000)
    jars.append(events(1))
    assert [jars.pending_since(moment) for moment in (4, 5, 6)] == [False, True, True]


def test_the_requests_of_a_read_are_consistent_and_go_on_to_the_last_page():
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html"""
    requests = []
    pages = [{"Items": [{**ITEM, "version": 1}], "LastEvaluatedKey": {"k": 1}}, {"Items": [{**ITEM, "version": 2}]}]

    def query(**request):
        requests.append(request)
        return pages[len(requests) - 1]

    assert versions(Streams(SimpleNamespace(query=query)).read("a")) == [1, 2]
    assert [request["ConsistentRead"] for request in requests] == [True, True]
    assert [request.get("ExclusiveStartKey") for request in requests] == [None, {"k": 1}]


def test_the_last_position_is_read_consistently():
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html"""
    requests = []
    table = SimpleNamespace(get_item=lambda **request: requests.append(request) or {"Item": {"last": 7}})
    assert Streams(table).head() == 7
    assert requests == [{"Key": {"stream": "$log", "version": 0}, "ConsistentRead": True}]


def test_an_address_names_a_table_and_perhaps_a_bucket(monkeypatch):
    monkeypatch.setattr(streams, "table_called", lambda name: f"table {name}")
    monkeypatch.setattr(streams, "claims_in", lambda name: f"claims {name}")
    one, two = Streams.at("jars"), Streams.at("jars/data")
    assert (one._table, one._claims, two._table, two._claims) == ("table jars", None, "table jars", "claims data")
