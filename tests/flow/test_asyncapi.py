"""The AsyncAPI document of the shop.

data/asyncapi-3.0.0.json is the public schema, of the npm package @asyncapi/specs 6.11.1 (Apache-2.0), without blanks.
"""

import json
from pathlib import Path

import jsonschema
import pytest

from millrace.cli import main
from millrace.flow.asyncapi import asyncapi

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def document(graph):
    return json.loads(json.dumps(asyncapi(graph, title="Shop", version="1.0.0")))


def pointed(document, reference):
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def references(part):
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_document_is_valid(document):
    schema = json.loads((ROOT / "tests" / "data" / "asyncapi-3.0.0.json").read_text())
    jsonschema.Draft7Validator(schema).validate(document)


def test_every_reference_resolves(document):
    found = list(references(document))
    assert all(pointed(document, reference) for reference in found)
    assert len(found) > 100


def test_operations_match_the_signature(document):
    of_points = {k: o["action"] for k, o in document["operations"].items() if o["title"] == "processor award_points"}
    assert of_points == {
        "Shop.Loyalty.AwardPoints.receive.shop.fulfilment.OrderCompleted": "receive",
        "Shop.Loyalty.AwardPoints.send.shop.loyalty.PointsAwarded": "send",
    }


def test_channel_names_its_bus_and_detail_type(document):
    channel = document["channels"]["shop.orders.OrderPlaced"]
    assert channel["servers"] == [{"$ref": "#/servers/shop"}]
    assert channel["x-amazon-events-detail-type"] == "OrderPlaced"


def test_recorded_event_is_a_valid_payload(document):
    recorded = json.loads((ROOT / "tests" / "events" / "order_placed.json").read_text())
    payload = document["components"]["messages"]["shop.orders.OrderPlaced"]["payload"]
    jsonschema.Draft7Validator({**document, **payload}).validate(recorded["detail"])


def test_command_writes_the_document(assembly, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["asyncapi", "--out", str(tmp_path / "asyncapi.json"), "--release", "2.1.0"]) == 0
    info = json.loads((tmp_path / "asyncapi.json").read_text())["info"]
    assert info == {"title": "Shop", "version": "2.1.0"}
