"""The event store of the shop on the local cloud: many callers at once, and processes that are killed."""

import json
from pathlib import Path

import pytest
from shared_shop import cloud, emptied, restored  # noqa: F401 fixtures

ROOT = Path(__file__).parents[2]

COUNTING = """
from dataclasses import dataclass
from functions.contracts.orders import OrderPlaced, PlaceOrder
from millrace.runtime import EventStore, event_store, processor

event_store.SNAPSHOT_EVERY = 10

@dataclass
class Tally:
    seen: int = 0

    def count(self, command: PlaceOrder) -> OrderPlaced:
        data = command.model_dump(exclude={"lines", "address"})
        return OrderPlaced(**data, lines=command.lines, address=command.address, total_cents=self.seen)

    def apply(self, event: OrderPlaced) -> None:
        self.seen += 1

@processor
def handler(command: PlaceOrder, orders: EventStore[Tally]) -> None:
    orders.update("one", lambda tally: tally.count(command))
"""
KILLING = """
import os, pathlib, signal

def once(owner, name, *, after):
    did = getattr(owner, name)
    def doing(*args, **kwargs):
        answer = did(*args, **kwargs) if after else None
        mark = pathlib.Path({mark!r})
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return answer if after else did(*args, **kwargs)
    setattr(owner, name, doing)
"""
POINTS = {
    "after the append": ("place_order", "millrace.runtime.streams", "Streams", "append", True),
    "before the publish": ("relay_order_store", "millrace.runtime.publisher", "Publisher", "publish", False),
    "after the publish": ("relay_order_store", "millrace.runtime.publisher", "Publisher", "publish", True),
    "after the position": ("relay_order_store", "millrace.runtime.streams", "Streams", "assign_positions", True),
}


@pytest.fixture
def stored(table):
    """The events of the shop's store, in the order of streams and versions."""

    def read():
        items = [item for item in table("orderstore").scan()["Items"] if "detail" in item]
        return sorted(items, key=lambda item: (item["stream"], item["version"]))

    return read


@pytest.fixture
def only(cloud):
    """Disable the rules that lead to other functions, until the test has ended."""
    events, disabled = cloud.client("events"), []

    def only(word):
        for rule in events.list_rules(EventBusName="shop")["Rules"]:
            if word not in rule["Name"].lower() and not rule.get("ManagedBy"):
                events.disable_rule(Name=rule["Name"], EventBusName="shop")
                disabled.append(rule["Name"])

    yield only
    for name in disabled:
        events.enable_rule(Name=name, EventBusName="shop")


@pytest.fixture
def place(cloud, recorded):
    """Put so many commands, each an event of its own."""

    def place(count):
        command = recorded("place_order")
        for first in range(0, count, 10):
            cloud.client("events").put_events(Entries=[entry(command, n) for n in range(first, first + 10)])
        cloud.settle(180)

    return place


def entry(command, number):
    metadata = {**command["detail"]["metadata"], "event_id": f"command-{number}", "correlation_id": f"flow-{number}"}
    detail = {"metadata": metadata, "data": command["detail"]["data"] | {"order_id": f"order-{number}"}}
    about = {"Source": command["source"], "DetailType": command["detail-type"], "EventBusName": "shop"}
    return {**about, "Detail": json.dumps(detail)}


def published(cloud, flows):
    """The ids of the events of this kind that came onto the bus, as often as they came."""
    records = cloud.on_loop(lambda: [r for flow in flows for r in cloud.region.history.flow(flow)])
    return [record.event_id for record in records if record.kind == "event" and record.name == "OrderPlaced"]


def test_of_two_hundred_commands_on_one_aggregate_none_is_lost_and_none_counts_twice(
    cloud, replace_handler, only, place, stored
):
    replace_handler("place_order", COUNTING)
    only("placeorder")
    place(200)
    items = stored()
    assert [int(item["version"]) for item in items] == list(range(1, 201))
    assert [json.loads(item["detail"])["data"]["total_cents"] for item in items] == list(range(200))
    came = published(cloud, [f"flow-{number}" for number in range(200)])
    assert sorted(came) == sorted(json.loads(item["detail"])["metadata"]["event_id"] for item in items)


@pytest.fixture
def kill_once(cloud, function_named, tmp_path):
    """Have a function killed once, at a point of the kit's own code."""

    def kill_once(name, module, owner, attribute, after):
        import io
        import zipfile

        runs = cloud.client("lambda").get_function_configuration(FunctionName=function_named(name))["Handler"]
        source, _, handler = runs.rpartition(".")
        lines = [
            KILLING.format(mark=str(tmp_path / "killed")),
            f"import {module} as where",
            f"once(where.{owner}, {attribute!r}, after={after})",
            f"from {source} import {handler}",
        ]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for file in (ROOT / "functions").rglob("*.py"):
                archive.write(file, file.relative_to(ROOT))
            archive.writestr("killing.py", "\n".join(lines))
        client = cloud.client("lambda")
        client.update_function_code(FunctionName=function_named(name), ZipFile=packed.getvalue())
        client.update_function_configuration(FunctionName=function_named(name), Handler=f"killing.{handler}")
        return tmp_path / "killed"

    return kill_once


@pytest.mark.parametrize("point", POINTS)
def test_an_append_that_is_killed_on_its_way_is_published_with_one_id(stocked, put, stored, kill_once, point):
    killed = kill_once(*POINTS[point])
    flow = put("place_order")
    stocked.settle()
    came = published(stocked, [flow])
    (item,) = stored()
    assert killed.exists()
    assert set(came) == {json.loads(item["detail"])["metadata"]["event_id"]}
    assert stocked.trace(flow).names().count("OrderCompleted") == 1
    assert not item["log"].startswith("pending")


def test_what_the_relay_gave_up_is_published_when_it_is_called_again(cloud, put, stored, function_named, messages):
    bus = cloud.client("lambda").get_function_configuration(FunctionName=function_named("relay_order_store"))
    client, name = cloud.client("lambda"), function_named("relay_order_store")
    gone = {"Variables": {**bus["Environment"]["Variables"], "MILLRACE_BUS": "gone"}}
    client.update_function_configuration(FunctionName=name, Environment=gone)
    put("place_order")
    cloud.settle()
    assert [item["log"].partition(".")[0] for item in stored()] == ["pending"]
    client.update_function_configuration(FunctionName=name, Environment=bus["Environment"])
    client.invoke(FunctionName=name, Payload=messages("orderstore", "dead")[0]["Body"].encode())
    cloud.settle()
    assert [item["log"] for item in stored()] == ["run.000000000000"]
