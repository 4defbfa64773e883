"""The claim check: storing data, the output of steps, and redeeming claims."""

import hashlib
import json
import sys
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

from millrace.events import ContractError, Event, Metadata, decode, encode, put_entry
from millrace.events.claims import Claims, claim_with_clients, claims_parameter
from millrace.events.envelope import entry_bytes
from millrace.runtime import Processor, processor
from millrace.runtime import claims as of_function

ACCOUNT = "123456789012"


class Drawn(Event, source="test.desk"):
    name: str
    lines: list[str]


class Traced(Event, source="test.desk"):
    name: str
    lines: list[str]


def drawn(lines=100, name="sun"):
    return encode(Drawn(name=name, lines=["-" * 98] * lines).stamped(Metadata.root(producer="test")))


@pytest.fixture
def s3(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="claims")
        yield client
        for item in client.list_objects_v2(Bucket="claims").get("Contents", ()):  # another fixture may still mock S3
            client.delete_object(Bucket="claims", Key=item["Key"])


@pytest.fixture
def claims(s3, monkeypatch):
    known = Claims(lambda: s3, "claims", ACCOUNT, above=5_000)
    monkeypatch.setattr(of_function, "_claims", lambda: known)
    return known


def test_redeemed_event_equals_the_original(claims):
    envelope = drawn()
    claimed = claims.claimed(envelope)
    assert "lines" not in json.dumps(claimed)
    assert claims.redeemed(claimed) == envelope


def test_limit_is_in_bytes_as_eventbridge_calculates_them(s3):
    envelope = drawn(name="é")
    weight = entry_bytes(put_entry(envelope, "bus"))
    assert "claim" not in Claims(lambda: s3, "claims", ACCOUNT, above=weight).claimed(envelope)["detail"]
    assert "claim" in Claims(lambda: s3, "claims", ACCOUNT, above=weight - 1).claimed(envelope)["detail"]


def test_short_strings_stay_in_the_event(claims):
    assert claims.claimed(drawn(name="sun"))["detail"]["data"] == {"name": "sun"}
    assert claims.claimed(drawn(name="s" * 257))["detail"]["data"] == {}


def test_retry_writes_the_same_object_and_other_data_another_one(claims, s3):
    envelope = drawn()
    changed = {**envelope, "detail": {**envelope["detail"], "data": {"name": "moon", "lines": ["-" * 6_000]}}}
    claimed = [claims.claimed(each) for each in (envelope, envelope, changed)]
    assert claimed[0] == claimed[1]
    assert [claims.redeemed(each) for each in claimed] == [envelope, envelope, changed]
    assert s3.list_objects_v2(Bucket="claims")["KeyCount"] == 2


def test_unredeemed_claim_raises(claims):
    with pytest.raises(ContractError, match="is not redeemed"):
        decode(claims.claimed(drawn()), Drawn)


def test_key_contains_the_name_of_the_event_for_any_id(claims):
    metadata = Metadata.root(producer="test").model_copy(update={"event_id": "../a b/*"})
    claim = claims.claimed(encode(Drawn(name="sun", lines=["-" * 6_000]).stamped(metadata)))["detail"]["claim"]
    assert claim["key"] == f"test.desk/Drawn/..%2Fa%20b%2F%2A/{claim['sha256']}"


def test_handler_receives_redeemed_events_and_publishes_claims(claims, s3, records, monkeypatch):
    @processor
    def handler(event: Drawn) -> Traced:
        return Traced(name=event.name, lines=event.lines)

    published = []
    envelope = drawn()
    sent = SimpleNamespace(publish=published.extend)
    monkeypatch.setattr(sys.modules[Processor.__module__], "publisher", lambda: sent)
    handler.handle([claims.claimed(envelope)], 1)
    assert claims.redeemed(published[0])["detail"]["data"] == envelope["detail"]["data"]
    (kept,) = records.results.values()
    assert "lines" not in json.dumps(kept.envelopes)


def test_step_claims_its_largest_events_until_its_output_fits(claims):
    flow = [drawn(1_000)]
    fitted = of_function.fitted([drawn(100), drawn(900), drawn(2)], flow, parallel=False)
    assert ["claim" in event["detail"] for event in fitted] == [False, True, False]
    parallel = of_function.fitted([drawn(100), drawn(2)], flow, parallel=True)
    assert ["claim" in event["detail"] for event in parallel] == [True, False]


def test_bus_without_claim_check_receives_whole_events(s3):
    envelope = drawn(3_000)
    assert claim_with_clients(envelope, "plain", lambda name: boto3.client(name, region_name="us-east-1")) == envelope


@pytest.mark.parametrize("event_id", ["\ud800", "e" * 5_000, None, {"deep": 1}])
@pytest.mark.parametrize("missing", ["source", "detail-type", "time"])
def test_malformed_claim_raises(claims, event_id, missing):
    claim = {"bucket": "claims", "key": "k", "bytes": 1, "sha256": "0" * 64}
    envelope = {**drawn(), "time": "", "detail": {"metadata": {"event_id": event_id}, "claim": claim}}
    del envelope[missing]
    with pytest.raises(ContractError, match="is not the key of this event"):
        claims.redeemed(envelope)


def test_from_outside_the_bucket_of_a_bus_is_found_by_its_parameter(s3):
    clients = {name: boto3.client(name, region_name="us-east-1") for name in ("ssm", "sts", "s3")}
    clients["ssm"].put_parameter(Name=claims_parameter("claiming"), Value="claims", Type="String")
    claimed = claim_with_clients(drawn(3_000), "arn:aws:events:us-east-1:123456789012:event-bus/claiming", clients.get)
    assert claimed["detail"]["claim"]["bucket"] == "claims"


def test_every_call_names_the_account_that_owns_the_bucket(claims, s3):
    calls = []
    s3.meta.events.register("provide-client-params.s3", lambda params, model, **_: calls.append((model.name, params)))
    claims.redeemed(claims.claimed(drawn()))
    assert [(name, params.get("ExpectedBucketOwner")) for name, params in calls] == [
        ("PutObject", ACCOUNT),
        ("GetObject", ACCOUNT),
    ]


def test_claim_that_names_another_bucket_is_broken_and_no_bucket_is_read(claims):
    """The event may come from outside, and its claim be right for its id and hash."""
    claimed = claims.claimed(drawn())
    forged = {**claimed["detail"], "claim": {**claimed["detail"]["claim"], "bucket": "attackers"}}
    careful = Claims(lambda: pytest.fail("a bucket was read"), "claims", ACCOUNT)
    with pytest.raises(ContractError, match="should be claims, the bucket of its bus"):
        careful.redeemed({**claimed, "detail": forged})


def test_modified_object_raises(claims, s3):
    claim = claims.claimed(drawn())["detail"]["claim"]
    content = s3.get_object(Bucket="claims", Key=claim["key"])["Body"].read()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (claim["bytes"], claim["sha256"])
