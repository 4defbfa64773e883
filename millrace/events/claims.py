"""The claim check: a bucket stores the data of a large event, and the event contains its location.

The detail is `{"metadata": …, "claim": {"bucket", "key", "bytes", "sha256"}, "data": {…}}`. Its data contains only
short strings, which channels need for ordering and rules for matching. The key is derived from the event and its data,
so no object is overwritten or shared between events.
https://docs.aws.amazon.com/prescriptive-guidance/latest/cloud-design-patterns/claim-check.html
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote

from millrace.events.contract import ContractError
from millrace.events.envelope import Envelope, entry_bytes, put_entry

CLAIM_ABOVE: Final = 200_000
"""The size in bytes of a PutEvents entry above which its data is stored in the bucket. With its envelope, a smaller
entry fits the input of a state machine, 256 KiB, the lowest limit of all services on the path of an event.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""
_SHORT, _SHORT_TOGETHER = 256, 4_000
"""The maximum length of a string that stays in the event (that of a partition key), and of all such strings."""
_FIELDS = ("bucket", "key", "sha256")
_DIGEST = re.compile("[0-9a-f]{64}")
_LONGEST_ID = 100


class Claims:
    """The claims of one bus. `client` creates boto3's client for S3 on the first use of the bucket.

    `owner` is the account that owns the bucket. S3 denies every call on a bucket of that name in another account.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """

    def __init__(self, client: Callable[[], Any], bucket: str, owner: str, above: int = CLAIM_ABOVE) -> None:
        self._client = client
        self._bucket = bucket
        self._owner = owner
        self._above = above

    def claimed(self, envelope: Envelope, above: int | None = None) -> Envelope:
        """The envelope, with a claim instead of its data if it has more than `above` bytes."""
        most = self._above if above is None else above
        detail = envelope["detail"]
        if "claim" in detail or entry_bytes(put_entry(envelope, self._bucket)) <= most:
            return envelope
        content = json.dumps(detail["data"], separators=(",", ":"), ensure_ascii=False).encode()
        digest = hashlib.sha256(content).hexdigest()
        claim = {"bucket": self._bucket, "key": _key(envelope, digest), "bytes": len(content), "sha256": digest}
        self._client().put_object(
            Bucket=self._bucket,
            Key=claim["key"],
            Body=content,
            ContentType="application/json",
            ExpectedBucketOwner=self._owner,
        )
        short = dict(_short_texts(detail["data"]))
        return {**envelope, "detail": {"metadata": detail["metadata"], "claim": claim, "data": short}}

    def redeemed(self, envelope: Envelope) -> Envelope:
        """The envelope with its data. Raises ContractError for a claim that is invalid or of another event."""
        detail = envelope.get("detail")
        if not isinstance(detail, dict) or "claim" not in detail:
            return envelope
        claim = self._own(envelope, detail["claim"])
        content = self._content(envelope, claim["key"])
        if hashlib.sha256(content).hexdigest() != claim["sha256"]:
            raise _broken(envelope, "sha256", claim["sha256"], "does not match the stored data")
        return {**envelope, "detail": {"metadata": detail["metadata"], "data": json.loads(content)}}

    def _own(self, envelope: Envelope, claim: Any) -> dict[str, Any]:
        """The claim, after a check that it belongs to this event: a forged claim could read other data."""
        if not isinstance(claim, dict) or not all(isinstance(claim.get(name), str) for name in _FIELDS):
            raise _broken(envelope, "", claim, "should contain {bucket, key, bytes, sha256}")
        if claim["bucket"] != self._bucket:
            raise _broken(envelope, "bucket", claim["bucket"], f"should be {self._bucket}, the bucket of its bus")
        if not _DIGEST.fullmatch(claim["sha256"]) or claim["key"] != _key(envelope, claim["sha256"]):
            raise _broken(envelope, "key", claim["key"], "is not the key of this event")
        return claim

    def _content(self, envelope: Envelope, key: str) -> bytes:
        client = self._client()
        try:
            found = client.get_object(Bucket=self._bucket, Key=key, ExpectedBucketOwner=self._owner)
        except client.exceptions.NoSuchKey as gone:
            raise _broken(envelope, "key", key, "has expired: the claims of a bus expire after its archive") from gone
        content: bytes = found["Body"].read()
        return content


def claim_with_clients(envelope: Envelope, bus: str, client: Callable[[str], Any]) -> Envelope:
    """The envelope for a PutEvents call outside a function, with a claim if it is large and the bus has a claim check.

    `client` creates boto3's client for a service.
    """
    if entry_bytes(put_entry(envelope, bus)) <= CLAIM_ABOVE:
        return envelope
    ssm = client("ssm")
    try:
        bucket = ssm.get_parameter(Name=claims_parameter(bus.rpartition(":event-bus/")[2]))["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return envelope
    account = client("sts").get_caller_identity()["Account"]
    return Claims(lambda: client("s3"), bucket, account).claimed(envelope)


def claim_key_prefix(source: str, detail_type: str) -> str:
    """The prefix of the keys of an event's claims."""
    return f"{_quoted(source)}/{_quoted(detail_type)}/"


def claims_parameter(bus: str) -> str:
    """The parameter in SSM's parameter store that holds the name of the bucket of a bus.

    CloudFormation chooses the name of the bucket, so that no other account can create a bucket of that name first.
    """
    return f"/millrace/{bus}/claims-bucket"


def _short_texts(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    room = _SHORT_TOGETHER
    for name, value in data.items():
        if isinstance(value, str) and len(value) <= min(_SHORT, room - len(name)):
            room -= len(name) + len(value)
            yield name, value


def claim_folder(envelope: Envelope) -> str:
    """The prefix of the keys of all data that was stored for one event."""
    metadata = envelope["detail"].get("metadata")
    event_id = _quoted(str(metadata.get("event_id")) if isinstance(metadata, dict) else "")
    if len(event_id) > _LONGEST_ID:
        event_id = hashlib.sha256(event_id.encode()).hexdigest()
    return f"{claim_key_prefix(str(envelope.get('source')), str(envelope.get('detail-type')))}{event_id}/"


def _key(envelope: Envelope, digest: str) -> str:
    return f"{claim_folder(envelope)}{digest}"


def _quoted(text: str) -> str:
    """A part of a key. An external event can have any id, even one that is not UTF-8."""
    return quote(text, safe="", errors="backslashreplace")


def _broken(envelope: Envelope, field: str, value: object, reason: str) -> ContractError:
    return ContractError(str(envelope.get("detail-type")), [(f"claim.{field}".rstrip("."), value, reason)])
