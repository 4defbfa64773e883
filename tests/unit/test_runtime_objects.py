"""The event that an S3 event becomes."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from millrace.events import Event
from millrace.runtime import objects


class InvoiceStored(Event, source="test.invoices", terminal="it is a test"):
    bucket: str
    key: str
    size: int
    version_id: str | None = None


@pytest.fixture
def published(monkeypatch):
    """The envelopes that the handler publishes."""
    found = []
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "invoices")
    monkeypatch.setattr(objects, "event_types", lambda _: {"InvoiceStored": InvoiceStored})
    monkeypatch.setattr(objects, "publisher", lambda: SimpleNamespace(publish=found.extend))
    return found


def stored(key="a.pdf", sequencer="1", kind="Object Created"):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    described = {"key": key, "size": 3, "etag": "e", "version-id": "v1", "sequencer": sequencer}
    detail = {"version": "0", "bucket": {"name": "inbox"}, "object": described, "reason": "PutObject"}
    return {"detail-type": kind, "time": "2026-03-01T10:00:00Z", "source": "aws.s3", "detail": detail}


def test_event_has_the_fields_of_the_object_and_the_time_of_s3(published):
    objects.handler(stored(), None)
    ((metadata, data),) = [(each["detail"]["metadata"], each["detail"]["data"]) for each in published]
    assert data == {"bucket": "inbox", "key": "a.pdf", "size": 3, "version_id": "v1"}
    assert datetime.fromisoformat(metadata["occurred_at"]) == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert (metadata["producer"], metadata["correlation_id"]) == ("invoices", metadata["event_id"])


def test_event_that_s3_delivers_twice_has_one_id_and_every_other_event_its_own(published):
    for envelope in (stored(), stored(), stored(key="b.pdf"), stored(sequencer="2"), stored(kind="Object Deleted")):
        objects.handler(envelope, None)
    ids = [each["detail"]["metadata"]["event_id"] for each in published]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
