"""Restoring an event store with its claims and read models, and erasing the sensitive values of a stream."""

from types import SimpleNamespace
from typing import Annotated

import boto3
import pytest
from store_kit import Paid, keeps, make_table

from millrace.events import Catalog, Event, Metadata, Sensitive, encode
from millrace.events.claims import Claims
from millrace.flow.assembly import Resource
from millrace.operations import UsageError
from millrace.operations.event_stores import EventStoreTable
from millrace.runtime.read_models import Ledger, Tables
from millrace.runtime.rebuild import rebuild
from millrace.runtime.streams import Stored, Streams

LONG = "a" * 300


class Moved(Event, source="test.person"):
    name: Annotated[str, Sensitive()]
    floor: int


class Aged(Event, source="test.person"):
    age: Annotated[int, Sensitive()]


CATALOG = Catalog([Moved, Aged])


def resource(type_, path, **facts):
    return Resource("Shop", path.replace("/", ""), f"AWS::{type_}", path, None, {}, facts)


@pytest.fixture
def client(dynamodb):
    return boto3.client("dynamodb", region_name=dynamodb.meta.client.meta.region_name)


@pytest.fixture
def live(dynamodb):
    """The table of the event store, and the restored one if there is one."""
    yield make_table(dynamodb, "live")
    for name in {"live", "restored"} & set(dynamodb.meta.client.list_tables()["TableNames"]):
        dynamodb.Table(name).delete()


@pytest.fixture
def store(client, live):
    """The event store `Jars` of a deployed stack."""
    relay = resource("Lambda::Function", "Shop/Till/Jars/Relay", kind="relay", construct="Shop/Till/Jars")
    table = resource("DynamoDB::Table", "Shop/Till/Jars/Table")
    bucket = resource("S3::Bucket", "Shop/Till/Jars/Data")
    clients = {"dynamodb": client, **{name: boto3.client(name, region_name="us-east-1") for name in ("s3", "sts")}}
    deployed = SimpleNamespace(
        cloud=SimpleNamespace(client=clients.get),
        assembly=SimpleNamespace(of=lambda kind: [each for each in (table, bucket) if each.type.endswith(kind)]),
        of_kind=lambda *_: [relay],
        name=lambda each: live.name if each is table else "jars-data",
    )
    return lambda name="Jars": EventStoreTable(deployed, name)


@pytest.fixture
def streams(live, monkeypatch):
    """The event store, which stores texts of more than 256 characters in a bucket."""
    monkeypatch.setattr("millrace.runtime.streams.CLAIM_ABOVE", 1)
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="jars-data")
    yield Streams(live, Claims(lambda: s3, "jars-data", "123456789012"))
    for each in s3.list_objects_v2(Bucket="jars-data").get("Contents", []):
        s3.delete_object(Bucket="jars-data", Key=each["Key"])
    s3.delete_bucket(Bucket="jars-data")


@pytest.fixture
def pay(streams):
    """Append a payment to the stream of its jar, and publish it unless it stays pending."""

    def pay(jar, version, value, *, publish=True):
        stream = jar[:1]
        metadata = Metadata.root(producer="test").model_copy(update={"stream": stream, "stream_version": version})
        stored = Stored(stream, version, encode(Paid(jar=jar, value=value).stamped(metadata)))
        streams.append([stored])
        if publish:
            streams.assign_positions([stored])

    return pay


@pytest.fixture
def rebuilt(streams, table, monkeypatch):
    """Rebuild the read model of the jars, and return its rows."""
    tables = Tables(table("jar"), table("jar"), Ledger(table("id")))
    monkeypatch.setattr(type(keeps), "tables", staticmethod(lambda: tables))
    monkeypatch.setattr(type(keeps), "stores", staticmethod(lambda: [streams]))

    def rebuilt():
        for step in ("begin", "clear", "read", "finish", "swap"):
            status = rebuild(keeps, {"do": step})
        return {row["jar"]: int(row["total"]) for row in getattr(tables, status["live"]).scan()["Items"]}

    return rebuilt


def restore(client):
    client.restore_table_to_point_in_time(SourceTableName="live", TargetTableName="restored")


def test_event_store_claims_and_read_model_are_restored_together(client, live, store, pay, rebuilt):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/pointintimerecovery_restores.html"""
    pay(LONG, 1, 1)
    pay("b", 1, 2)
    restore(client)
    pay(LONG, 2, 100)
    rebuilt()
    assert store().replace_items("restored") == {"deleted": 4, "copied": 3}
    assert rebuilt() == {LONG: 1, "b": 2}
    assert '"claim"' in live.get_item(Key={"stream": "a", "version": 1})["Item"]["detail"]


def test_pending_events_are_copied_after_the_position_of_the_last_event(client, store, streams, pay):
    pay("a", 1, 1)
    pay("b", 1, 2, publish=False)
    restore(client)
    requests = []
    client.meta.events.register("before-parameter-build.*.BatchWriteItem", lambda params, **_: requests.append(params))
    store().replace_items("restored")
    streams.assign_positions(list(streams.pending()))
    (last,) = requests[-1]["RequestItems"]["live"]
    assert last["PutRequest"]["Item"]["stream"] == {"S": "b"}
    assert [stored.stream for stored in streams.read_all()] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "restored", "message"),
    [
        ("Jars", "live", "live is the table of the event store"),
        ("Jars", "restored", "There is no table restored"),
        ("Jars", "table-0", r"The table table-0 is of no event store: its key is not \(stream, version\)"),
        ("Boxes", "restored", "0 event stores are called Boxes. There are: Jars"),
    ],
)
def test_restoring_from_another_table_raises_and_changes_nothing(store, live, pay, table, name, restored, message):
    table("id")
    pay("a", 1, 1)
    with pytest.raises(UsageError, match=message):
        store(name).replace_items(restored)
    assert live.scan()["Count"] == 2


@pytest.mark.parametrize(("status", "message"), [("ACTIVE", "is empty"), ("CREATING", "is CREATING: wait")])
def test_table_that_has_no_items_yet_does_not_empty_the_store(dynamodb, store, live, pay, monkeypatch, status, message):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/pointintimerecovery_restores.html"""
    pay("a", 1, 1)
    make_table(dynamodb, "restored")
    events = store()
    described = {"Table": {"TableStatus": status, "KeySchema": live.key_schema}}
    monkeypatch.setattr(events._client, "describe_table", lambda **_: described)
    with pytest.raises(UsageError, match=message):
        events.replace_items("restored")
    assert live.scan()["Count"] == 2


@pytest.fixture
def append(streams):
    """Append an event to the stream `ada` and publish it."""

    def append(version, event):
        metadata = Metadata.root(producer="test").model_copy(update={"stream": "ada", "stream_version": version})
        stored = Stored("ada", version, encode(event.stamped(metadata)))
        streams.append([stored])
        streams.assign_positions([stored])

    return append


def test_erasing_a_stream_masks_sensitive_values_and_deletes_former_data(store, streams, append):
    append(1, Moved(name="Ada", floor=1))
    append(2, Moved(name="Ada" * 100, floor=2))
    streams.save_snapshot("ada", {"state": "Ada"})
    assert store().erase("ada", CATALOG) == {"events": 2, "objects": 2}
    assert [CATALOG.decode(streams.with_data(stored)).name for stored in streams.read_all()] == ["*****", "*****"]
    assert streams.snapshot("ada") is None


@pytest.mark.parametrize("catalog", [CATALOG, Catalog([Moved])], ids=["invalid", "unknown"])
def test_stream_with_an_event_that_cannot_be_masked_stays(store, live, append, catalog):
    append(1, Moved(name="Ada", floor=1))
    append(2, Aged(age=36))
    before = live.scan()["Items"]
    with pytest.raises(UsageError, match="Nothing was erased: version 2 of ada cannot be masked"):
        store().erase("ada", catalog)
    assert live.scan()["Items"] == before


def test_erasing_an_unknown_stream_raises(store, streams):
    with pytest.raises(UsageError, match="live has no stream ada"):
        store().erase("ada", CATALOG)
