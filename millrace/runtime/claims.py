"""Claim checks in a function: large event data is stored in the bucket of the bus, and read from there."""

import json
import os
from collections.abc import Sequence
from functools import cache
from typing import Any

from millrace.events import Envelope
from millrace.events.claims import Claims
from millrace.runtime.environment import client, required

BUCKET, ABOVE = "MILLRACE_CLAIMS", "MILLRACE_CLAIM_ABOVE"
"""The environment variables with the bucket, if the bus has one, and the threshold in bytes of an event."""
ACCOUNT = "MILLRACE_ACCOUNT"
"""The environment variable with the account that owns the function and its buckets."""
FLOW_BYTES = 200_000
"""Maximum size of all events of a flow. With the claims, they fit the 256 KiB of a state machine's payload."""
_SMALL = 4_000
"""Bytes of an event below which a claim saves little."""


def claimed(envelope: Envelope) -> Envelope:
    """Return the envelope to publish and store: with a claim instead of large data."""
    claims = _claims()
    return claims.claimed(envelope) if claims else envelope


def redeemed(envelope: Envelope) -> Envelope:
    """Return the envelope with its data. Raises ContractError for a claim that is foreign or expired."""
    claims = _claims()
    return claims.redeemed(envelope) if claims else envelope


def fitted(envelopes: Sequence[Envelope], flow: Sequence[Any], *, parallel: bool) -> list[Envelope]:
    """Return a step's events with claims for the largest, until they fit into the flow.

    A parallel step does not know the size of the other branches, so all but its small events get a claim.
    """
    claims, fitting = _claims(), list(envelopes)
    room = 0 if parallel else FLOW_BYTES - _size(flow)
    largest_first = sorted(range(len(envelopes)), key=lambda index: -_size(envelopes[index]))
    for index in largest_first if claims else ():
        if claims and _size(fitting) > room:
            fitting[index] = claims.claimed(envelopes[index], above=_SMALL)
    return fitting


def claims_in(bucket: str) -> Claims:
    """Return the claims of another bucket, such as the bucket of an event store."""
    return Claims(_s3, bucket, required(ACCOUNT))


def _size(events: Any) -> int:
    return len(json.dumps(events, separators=(",", ":"), ensure_ascii=False).encode())


@cache
def _claims() -> Claims | None:
    if BUCKET not in os.environ:
        return None
    return Claims(_s3, os.environ[BUCKET], required(ACCOUNT), int(os.environ[ABOVE]))


def _s3() -> Any:
    return client("s3")
