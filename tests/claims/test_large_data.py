"""Large data through processors, a mediator and the archive, and forged claims."""

import hashlib
from datetime import timedelta

import pytest
from claims_kit import Scanned

from millrace.events import Event, Metadata, encode, put_entry
from millrace.events.claims import CLAIM_ABOVE
from millrace.events.envelope import entry_bytes
from millrace.operations.bus import put_event

CONSUMERS = ("straighten", "recognise", "file_away")


class BookWanted(Event, source="test.shop", external=True):
    key: str
    content: str


class Peeped(Event, source="test.peeper", external=True):
    bucket: str
    key: str


@pytest.fixture
def weighing(scan):
    """A scan that weighs just so many bytes as an entry, its hash, and its metadata."""

    def weighing(key, size):
        metadata = Metadata.root(producer="test")
        rest = entry_bytes(put_entry(encode(Scanned(key=key, content="").stamped(metadata)), "claims"))
        event, digest = scan(key, size - rest)
        assert entry_bytes(put_entry(encode(event.stamped(metadata)), "claims")) == size
        return event, digest, metadata.model_dump()

    return weighing


def test_five_megabytes_pass_whole_through_a_queue_a_stream_and_a_rule(claims, scan):
    event, digest = scan("vast", 5_000_000)
    flow = claims.put(event)
    assert claims.seen("vast") == dict.fromkeys(CONSUMERS, digest)
    assert claims.cloud.trace(flow).names() == ["Scanned", "Straightened", "Recognised"]
    assert len(claims.keys(flow)) == 1


@pytest.mark.parametrize(("more", "claimed"), [(0, 0), (1, 1)], ids=["at the limit", "one byte over it"])
def test_the_data_lies_in_the_bucket_from_the_first_byte_above_the_limit(claims, weighing, more, claimed):
    event, digest, metadata = weighing(f"by{more}", CLAIM_ABOVE + more)
    flow = claims.put(event, **metadata)
    assert len(claims.keys(flow)) == claimed
    assert claims.seen(f"by{more}") == dict.fromkeys(CONSUMERS, digest)


@pytest.mark.parametrize("size", [150_000, 900_000])
def test_a_flow_holds_more_large_events_than_a_state_machine_takes(claims, size):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    content = "é" * (size // 2)
    flow = claims.put(BookWanted(key="book", content=content))
    trace = claims.cloud.trace(flow)
    assert trace.errors() == []
    assert trace.work("Book").status == "SUCCEEDED"
    assert trace.names() == ["BookWanted", "PagesSet", "CoverDrawn", "BookBound"]
    assert trace.errors() == []


def test_the_command_puts_large_events_too(claims, scan):
    event, digest = scan("typed", 2_000_000)
    metadata = put_event(claims.cloud, event, "claims")
    claims.cloud.settle()
    assert len(claims.keys(metadata.event_id)) == 1
    assert claims.seen("typed") == dict.fromkeys(CONSUMERS, digest)


def test_a_replay_finds_what_was_claimed(claims, scan):
    event, digest = scan("again", 300_000)
    flow, events = claims.put(event), claims.cloud.client("events")
    (archive,) = events.list_archives()["Archives"]
    bus = events.describe_event_bus(Name="claims")["Arn"]
    arn = events.describe_archive(ArchiveName=archive["ArchiveName"])["ArchiveArn"]
    begin = archive["CreationTime"] - timedelta(hours=1)
    end = claims.cloud.scheduler.clock.datetime() + timedelta(hours=1)
    events.start_replay(
        ReplayName="again", EventSourceArn=arn, EventStartTime=begin, EventEndTime=end, Destination={"Arn": bus}
    )
    claims.cloud.settle()
    trace = claims.cloud.trace(flow)
    assert (len(trace.work("straighten").attempts), trace.errors()) == (2, [])
    assert claims.seen("again") == dict.fromkeys(CONSUMERS, digest)


def test_function_may_not_read_the_data_of_events_that_it_does_not_consume(claims, scan):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-policy-language-overview.html"""
    event, _ = scan("private", 300_000)
    (key,) = claims.keys(claims.put(event))
    flow = claims.put(Peeped(bucket=claims.bucket, key=key))
    errors = claims.cloud.trace(flow).errors()
    assert errors
    assert all("AccessDenied" in error for error in errors)


@pytest.fixture
def another(claims, scan):
    """The claim of another scan."""
    event, _ = scan("theirs", 300_000)
    (key,) = claims.keys(claims.put(event))
    return {"bucket": claims.bucket, "key": key, "bytes": 1, "sha256": key.rpartition("/")[2]}


@pytest.mark.parametrize(
    ("forged", "error"),
    [
        ({}, "is not the key of this event"),
        ({"bucket": "shop-private"}, "should be {bucket}, the bucket of its bus"),
        ({"sha256": "0" * 64}, "is not the key of this event"),
        ({"key": None}, "should contain {bucket, key, bytes, sha256}"),
    ],
    ids=["of another's event", "of another bucket", "of another hash", "invalid"],
)
def test_forged_claim_is_quarantined_and_reads_nothing(claims, another, forged, error):
    metadata = Metadata.root(producer="forger")
    claims.put_claim(metadata, **(another | forged))
    (reason,) = claims.quarantined()
    assert error.replace("{bucket}", claims.bucket) in reason
    assert claims.cloud.trace(metadata.correlation_id).names() == ["Scanned"]


def claim_of(claims, metadata, digest):
    key = f"test.scanner/Scanned/{metadata.event_id}/{digest}"
    return {"bucket": claims.bucket, "key": key, "bytes": 1, "sha256": digest}


def test_event_whose_data_has_another_hash_is_quarantined(claims):
    metadata, digest = Metadata.root(producer="test"), hashlib.sha256(b"one thing").hexdigest()
    claim = claim_of(claims, metadata, digest)
    claims.s3.put_object(Bucket=claims.bucket, Key=claim["key"], Body=b"another")
    claims.put_claim(metadata, **claim)
    assert "does not match the stored data" in claims.quarantined()[0]


def test_event_with_an_expired_claim_is_quarantined_with_the_reason(claims):
    metadata = Metadata.root(producer="test")
    claims.put_claim(metadata, **claim_of(claims, metadata, "0" * 64))
    assert "has expired: the claims of a bus expire after its archive" in claims.quarantined()[0]
