"""The recorded envelopes of tests/events stand for the whole catalog of the shop."""

import json
import re
from pathlib import Path

import pytest

from millrace.events import Catalog

FILES = sorted((Path(__file__).parents[1] / "events").glob("*.json"))
CATALOG = Catalog.load("functions.contracts")
AS_DELIVERED = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}


def snake(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recorded_envelope_is_one_that_the_catalog_reads(file):
    envelope = json.loads(file.read_text())
    event = CATALOG.decode(envelope)
    assert envelope.keys() == AS_DELIVERED
    assert file.stem.startswith(snake(type(event).__name__))


def test_recorded_causes_are_recorded_themselves():
    recorded = [json.loads(file.read_text())["detail"]["metadata"] for file in FILES]
    known = {metadata["event_id"] for metadata in recorded}
    unknown = [m["producer"] for m in recorded if m.get("causation_id", m["event_id"]) not in known]
    assert len(known) == len(FILES)
    assert unknown == ["reserve_stock"]  # out_of_stock.json: of an order that is not recorded
