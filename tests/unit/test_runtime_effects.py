"""What a handler is given and what follows from it: tables, stores, large data, and the ids of its effects."""

import hashlib
import importlib
import json
from types import SimpleNamespace

import pytest
from store_kit import Jar, make_table

from millrace.events import ContractError, Event, Metadata, encode
from millrace.runtime import EventStore, Table, breaker, claims, processor
from millrace.runtime import event_store as stores
from millrace.runtime.effects import Effect
from millrace.runtime.read_models import Ledger
from millrace.runtime.streams import ConcurrencyError, Streams

HANDLERS = importlib.import_module("millrace.runtime.processor")  # the package has a function of this name
CAUSE = Metadata.root(producer="a test").model_copy(update={"event_id": "cause-1"})


class Knocked(Event, source="test.house"):
    times: int


class Opened(Event, source="test.house"):
    width: int


@pytest.fixture
def jars(dynamodb):
    """Event stores as a handler is given them, each for the handling of one event."""
    made = make_table(dynamodb)
    yield lambda run="": EventStore(made, Jar, effect=Effect(CAUSE, "drop_coin", run))
    made.delete()


def ids(events):
    return [event.metadata.event_id for event in events]


def test_each_appended_event_has_an_id_of_as_root(jars):
    store = jars()
    found = [
        *store.update("a", lambda jar: [jar.drop(1), jar.drop(1)]),
        *store.update("a", lambda jar: jar.drop(1)),
        *store.update("b", lambda jar: jar.drop(1)),
        *jars("another run").update("c", lambda jar: jar.drop(1)),
    ]
    assert len(set(ids(found))) == len(found) == 5
    assert ids(store.appended) == ids(found[:4])


def test_an_event_that_is_handled_again_is_not_decided_again(jars):
    first = jars().update("a", lambda jar: jar.drop(1))
    again, decided = jars(), []
    assert ids(again.update("a", decided.append)) == ids(first) == ids(again.appended)
    assert decided == []


def test_conflicts_are_tried_ten_times_with_growing_pauses(jars, monkeypatch):
    pauses = []

    def conflict(*_given, **_named):
        raise ConcurrencyError("always")

    monkeypatch.setattr(Streams, "append", conflict)
    monkeypatch.setattr(stores, "time", SimpleNamespace(sleep=pauses.append))
    monkeypatch.setattr(stores, "random", SimpleNamespace(random=lambda: 1))
    with pytest.raises(ConcurrencyError):
        jars().update("a", lambda jar: jar.drop(1))
    assert pauses == [min(stores._PAUSE * 2**attempt, stores._LONGEST_PAUSE) for attempt in range(9)]


@pytest.fixture
def published(monkeypatch):
    sent = []
    monkeypatch.setattr(HANDLERS, "publisher", lambda: SimpleNamespace(publish=sent.extend))
    return sent


def knock(times):
    return encode(Knocked(times=times).stamped(CAUSE))


def test_a_handler_is_given_the_table_of_its_parameter(published, monkeypatch):
    monkeypatch.setattr(HANDLERS, "open_table", lambda name: {"name": name})

    @processor
    def handler(knock: Knocked, halls: Table, rooms: Table) -> Opened:
        return Opened(width=len(halls["name"] + rooms["name"]))

    handler(knock(1), None)
    assert published[0]["detail"]["data"] == {"width": len("doorsrooms")}


def test_an_event_that_a_handler_builds_wrongly_names_its_field(published, caplog):
    @processor
    def handler(knock: Knocked) -> Opened:
        return Opened(width="wide")

    with pytest.raises(ContractError, match=r"Opened\.width = 'wide': Input should be a valid integer"):
        handler(knock(1), None)
    assert (published, caplog.records[0].message) == ([], "event failed")


# -- large data --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(monkeypatch):
    """The objects of a bucket, in which the data of events above 300 bytes goes."""
    objects = {}
    monkeypatch.setenv("MILLRACE_CLAIMS", "shop-claims")
    monkeypatch.setenv("MILLRACE_CLAIM_ABOVE", "300")
    monkeypatch.setenv("MILLRACE_ACCOUNT", "123456789012")
    client = SimpleNamespace(
        put_object=lambda **given: objects.update({(given["Bucket"], given["Key"]): given["Body"]}),
        get_object=lambda **given: {"Body": SimpleNamespace(read=lambda: objects[given["Bucket"], given["Key"]])},
        exceptions=SimpleNamespace(NoSuchKey=KeyError),
    )
    monkeypatch.setattr(claims, "client", lambda _: client)
    claims._claims.cache_clear()
    yield objects
    claims._claims.cache_clear()


def large(count=500):
    detail = {"metadata": {"event_id": "e"}, "data": {"lines": ["x" * count]}}
    return {"source": "test.house", "detail-type": "Built", "detail": detail}


def test_large_data_is_claimed_and_redeemed(bucket):
    """https://docs.aws.amazon.com/prescriptive-guidance/latest/cloud-design-patterns/claim-check.html"""
    claimed = claims.claimed(large())
    content = json.dumps(large()["detail"]["data"], separators=(",", ":")).encode()
    digest = hashlib.sha256(content).hexdigest()
    key = f"test.house/Built/e/{digest}"
    assert claimed["detail"]["claim"] == {"bucket": "shop-claims", "key": key, "bytes": len(content), "sha256": digest}
    assert bucket == {("shop-claims", key): content}
    assert claims.redeemed(claimed) == large()
    assert claims.claimed(large(10)) == large(10)


def test_without_a_bucket_large_data_stays(monkeypatch):
    monkeypatch.delenv("MILLRACE_CLAIMS", raising=False)
    claims._claims.cache_clear()
    assert claims.claimed(large()) == claims.redeemed(large()) == large()
    claims._claims.cache_clear()


def test_a_flow_is_fitted_by_claiming_its_largest_events(bucket, monkeypatch):
    monkeypatch.setattr(claims, "_SMALL", 300)
    monkeypatch.setattr(claims, "FLOW_BYTES", 3_000)
    events = [large(400), large(1500), large(400)]
    assert claims.fitted(events, [], parallel=False) == events
    fitted = claims.fitted(events, [large(400)], parallel=False)
    assert ["claim" in event["detail"] for event in fitted] == [False, True, False]
    parallel = claims.fitted(events, [], parallel=True)
    assert ["claim" in event["detail"] for event in parallel] == [True, True, True]


# -- circuits ----------------------------------------------------------------------------------------------------------


def test_a_circuit_reports_each_change(monkeypatch, caplog, capsys):
    module = importlib.import_module("millrace.runtime.breaker")
    for state in ("OPEN", "HALF_OPEN", "CLOSED"):
        module._log_transition(SimpleNamespace(circuit_name="mailer", from_state="CLOSED", to_state=state))
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [(each["circuit"], each[module.METRIC]) for each in metrics] == [
        ("mailer", [1.0]),
        ("mailer", [1.0]),
        ("mailer", [0.0]),
    ]
    assert {each["_aws"]["CloudWatchMetrics"][0]["Namespace"] for each in metrics} == {"Millrace"}
    assert caplog.records[0].circuit == {"name": "mailer", "from": "CLOSED", "to": "OPEN"}
    assert breaker is not module


@pytest.mark.parametrize("read", [lambda table: Ledger(table).pointer(), lambda table: Streams(table).snapshot("a")])
def test_what_decides_a_write_is_read_consistently(read):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html"""
    requests = []
    read(SimpleNamespace(get_item=lambda **request: requests.append(request["ConsistentRead"]) or {}))
    assert requests == [True]
