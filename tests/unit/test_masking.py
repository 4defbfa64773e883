"""Masking of events in dead letters and payloads."""

import base64
import json
import subprocess
import sys
from typing import Annotated

import pytest
from pydantic import BaseModel

from millrace.events import Catalog, Event, Sensitive
from millrace.events.sensitive import masked, sensitive_values


class Passport(BaseModel):
    number: Annotated[str, Sensitive()]
    country: str


class Arrived(Event, source="test.inn", version=2):
    room: str
    card: Annotated[str, Sensitive()]
    guests: list[Passport]


CATALOG = Catalog([Arrived])
DATA = {"room": "r-1", "card": "4242", "guests": [{"number": "P-77311", "country": "NO"}]}
SHOWN = {"room": "r-1", "card": "*****", "guests": [{"number": "*****", "country": "NO"}]}


S3 = {"source": "aws.s3", "detail-type": "Object Created", "detail": {"object": {"key": "k"}}}


def envelope(data=DATA, version=2, **detail):
    return {
        "source": "test.inn",
        "detail-type": "Arrived",
        "detail": {"metadata": {"event_id": "e-1", "version": version}, "data": data, **detail},
    }


def test_sensitive_fields_are_masked():
    assert masked(envelope(), CATALOG) == envelope(SHOWN)


def test_missing_fields_are_ignored():
    assert masked(envelope({"room": "r-1"}), CATALOG) == envelope({"room": "r-1"})


@pytest.mark.parametrize(
    "wrap", [lambda e: {"requestPayload": e}, lambda e: {"events": [e, e]}, lambda e: [{"a": [e]}]]
)
def test_nested_events_are_masked(wrap):
    assert masked(wrap(envelope()), CATALOG) == wrap(envelope(SHOWN))


def test_events_in_json_strings_and_stream_records_are_masked():
    def record(event):
        text = json.dumps(event, ensure_ascii=False)
        return {"body": text, "kinesis": {"data": base64.b64encode(text.encode()).decode(), "partitionKey": "k"}}

    assert masked(record(envelope()), CATALOG) == record(envelope(SHOWN))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (envelope(version=1), envelope("*****", version=1)),
        (envelope("4242"), envelope("*****")),
        (envelope(card="4242"), envelope(SHOWN, card="*****")),
        ({**envelope(), "detail": ["4242"]}, {**envelope(), "detail": "*****"}),
        ({**envelope(), "source": "who"}, {**envelope("*****"), "source": "who"}),
    ],
    ids=["another version", "no object", "more than data", "no detail", "no contract"],
)
def test_data_of_an_invalid_event_is_masked(given, shown):
    assert masked(given, CATALOG) == shown


@pytest.mark.parametrize("content", ["[[", "{", 7, None, {"source": ["x"], "detail-type": {}}, {"kinesis": "none"}, S3])
def test_other_content_is_unchanged(content):
    assert masked(content, CATALOG) == content


def test_sensitive_values_of_an_envelope():
    assert sensitive_values(envelope(), CATALOG) == ["4242", "P-77311"]
    assert sensitive_values({"source": "x", "detail": []}, CATALOG) == []


def test_powertools_is_imported_only_for_masking():
    code = "import sys, millrace.events.sensitive; sys.exit('aws_lambda_powertools' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
