"""The claim check: the data of a large event lies in a bucket, and the event says where.

The detail is `{"metadata": …, "claim": {"bucket", "key", "bytes", "sha256"}, "data": {…}}`, and of the data there are
the short texts alone, by which channels order and rules choose. The key follows from the event and from its data, so
that nothing is written over, and nobody's claim is another's.
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
"""Bytes of an entry of PutEvents, above which its data is claimed: with its envelope, it fits the input of a state
machine, 256 KiB, the least of all that an event passes through.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""
_NAME_CHARACTERS = 28
_SHORT, _SHORT_TOGETHER = 256, 4_000
"""Characters of a text that stays with its event, as many as a partition key may have, and of all of them."""
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9-]+")
_FIELDS = ("bucket", "key", "sha256")
_DIGEST = re.compile("[0-9a-f]{64}")
_LONGEST_ID = 100


class Claims:
    """The claims of one bus. `client` gives boto3's client for S3, once there is something to keep or to fetch."""

    def __init__(self, client: Callable[[], Any], bucket: str, above: int = CLAIM_ABOVE) -> None:
        self._client = client
        self._bucket = bucket
        self._above = above

    def claimed(self, envelope: Envelope, above: int | None = None) -> Envelope:
        """The envelope as it is, or with a claim in place of its data, where it weighs more than `above` bytes."""
        most = self._above if above is None else above
        detail = envelope["detail"]
        if "claim" in detail or entry_bytes(put_entry(envelope, self._bucket)) <= most:
            return envelope
        content = json.dumps(detail["data"], separators=(",", ":"), ensure_ascii=False).encode()
        digest = hashlib.sha256(content).hexdigest()
        claim = {"bucket": self._bucket, "key": _key(envelope, digest), "bytes": len(content), "sha256": digest}
        put = self._client().put_object
        put(Bucket=claim["bucket"], Key=claim["key"], Body=content, ContentType="application/json")
        short = dict(_short_texts(detail["data"]))
        return {**envelope, "detail": {"metadata": detail["metadata"], "claim": claim, "data": short}}

    def redeemed(self, envelope: Envelope) -> Envelope:
        """The envelope with its data. Raises ContractError for a claim that is not its own, or cannot be redeemed."""
        detail = envelope.get("detail")
        if not isinstance(detail, dict) or "claim" not in detail:
            return envelope
        claim = self._own(envelope, detail["claim"])
        content = self._content(envelope, claim["key"])
        if hashlib.sha256(content).hexdigest() != claim["sha256"]:
            raise _broken(envelope, "sha256", claim["sha256"], "is not that of what lies there")
        return {**envelope, "detail": {"metadata": detail["metadata"], "data": json.loads(content)}}

    def _own(self, envelope: Envelope, claim: Any) -> dict[str, Any]:
        """The claim, if it is this very event's: a forged one would read the data of another."""
        if not isinstance(claim, dict) or not all(isinstance(claim.get(name), str) for name in _FIELDS):
            raise _broken(envelope, "", claim, "should hold {bucket, key, bytes, sha256}")
        if claim["bucket"] != self._bucket:
            raise _broken(envelope, "bucket", claim["bucket"], f"should be {self._bucket}, the one of its bus")
        if not _DIGEST.fullmatch(claim["sha256"]) or claim["key"] != _key(envelope, claim["sha256"]):
            raise _broken(envelope, "key", claim["key"], "is not the key of this event")
        return claim

    def _content(self, envelope: Envelope, key: str) -> bytes:
        client = self._client()
        try:
            content: bytes = client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey as gone:
            raise _broken(envelope, "key", key, "is gone: the claims of a bus expire after its archive") from gone
        return content


def claim_with_clients(envelope: Envelope, bus: str, client: Callable[[str], Any]) -> Envelope:
    """The envelope as somebody puts it with boto3's clients, by their names; the bus may be without claim check."""
    if entry_bytes(put_entry(envelope, bus)) <= CLAIM_ABOVE:
        return envelope
    s3, account = client("s3"), client("sts").get_caller_identity()["Account"]
    bucket = claims_bucket(bus.rpartition("/")[2], account, s3.meta.region_name)
    try:
        return Claims(lambda: s3, bucket).claimed(envelope)
    except s3.exceptions.NoSuchBucket:
        return envelope


def claim_key_prefix(source: str, detail_type: str) -> str:
    """What the keys of an event's claims begin with."""
    return f"{_quoted(source)}/{_quoted(detail_type)}/"


def claims_bucket(bus: str, account: str, region: str) -> str:
    """The name of the bucket of a bus, which whoever knows the bus can tell.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    plain = _NOT_IN_A_NAME.sub("-", bus.lower()).strip("-")
    if plain != bus or len(plain) > _NAME_CHARACTERS:
        digest = hashlib.sha256(bus.encode()).hexdigest()[:8]
        plain = f"{plain[: _NAME_CHARACTERS - 9]}-{digest}".lstrip("-")
    return f"{plain}-claims-{account}-{region}"


def _short_texts(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    room = _SHORT_TOGETHER
    for name, value in data.items():
        if isinstance(value, str) and len(value) <= min(_SHORT, room - len(name)):
            room -= len(name) + len(value)
            yield name, value


def _key(envelope: Envelope, digest: str) -> str:
    metadata = envelope["detail"].get("metadata")
    event_id = _quoted(str(metadata.get("event_id")) if isinstance(metadata, dict) else "")
    if len(event_id) > _LONGEST_ID:
        event_id = hashlib.sha256(event_id.encode()).hexdigest()
    return f"{claim_key_prefix(str(envelope.get('source')), str(envelope.get('detail-type')))}{event_id}/{digest}"


def _quoted(text: str) -> str:
    """A part of a key: an event from outside may have any id, one that is no UTF-8 too."""
    return quote(text, safe="", errors="backslashreplace")


def _broken(envelope: Envelope, field: str, value: object, reason: str) -> ContractError:
    return ContractError(str(envelope.get("detail-type")), [(f"claim.{field}".rstrip("."), value, reason)])
