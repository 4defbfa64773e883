"""Large data on its way through a function: kept in the bucket of the bus, and fetched from there."""

import json
import os
from collections.abc import Sequence
from functools import cache
from typing import Any

from millrace.events import Envelope
from millrace.events.claims import Claims

BUCKET, ABOVE = "MILLRACE_CLAIMS", "MILLRACE_CLAIM_ABOVE"
"""The environment: the bucket, and the bytes of an event above which its data goes there. A bus may do without."""
ACCOUNT = "MILLRACE_ACCOUNT"
"""The environment variable of each function that holds its account, which owns the buckets that it uses."""
FLOW_BYTES = 200_000
"""Of all events of a flow together: with a claim for each that comes on top, they fit a state machine's 256 KiB."""
_SMALL = 4_000
"""Bytes of an event that a claim would hardly make smaller."""


def claimed(envelope: Envelope) -> Envelope:
    """The envelope as it is to be published and kept: with a claim in place of its data, if that is large."""
    claims = _claims()
    return claims.claimed(envelope) if claims else envelope


def redeemed(envelope: Envelope) -> Envelope:
    """The envelope with its data. Raises ContractError for a claim that is not its own, or is gone."""
    claims = _claims()
    return claims.redeemed(envelope) if claims else envelope


def fitted(said: Sequence[Envelope], flow: Sequence[Any], *, parallel: bool) -> list[Envelope]:
    """What a step says, the largest claimed until it fits into its flow; all that is not small, beside others."""
    claims, fitting = _claims(), list(said)
    room = 0 if parallel else FLOW_BYTES - _weight(flow)
    largest_first = sorted(range(len(said)), key=lambda place: -_weight(said[place]))
    for place in largest_first if claims else ():
        if claims and _weight(fitting) > room:
            fitting[place] = claims.claimed(said[place], above=_SMALL)
    return fitting


def claims_in(bucket: str) -> Claims:
    """The claims of a bucket of its own, as an event store's: what weighs too much for its table."""
    return Claims(_client, bucket, _account())


def _weight(events: Any) -> int:
    return len(json.dumps(events, separators=(",", ":"), ensure_ascii=False).encode())


@cache
def _claims() -> Claims | None:
    if BUCKET not in os.environ:
        return None
    return Claims(_client, os.environ[BUCKET], _account(), int(os.environ[ABOVE]))


def _account() -> str:
    if ACCOUNT not in os.environ:
        raise LookupError(f"{ACCOUNT} is not set: the construct of a function sets it.")
    return os.environ[ACCOUNT]


@cache
def _client() -> Any:
    import boto3  # noqa: PLC0415 - only large data needs it

    return boto3.client("s3")
