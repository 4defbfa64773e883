"""Large data."""

from collections.abc import Iterator, Mapping
from typing import Any

from millrace.events import Event
from millrace.flow.findings import Finding, System, check
from millrace.flow.satisfiable import parts
from millrace.flow.schemas import json_schema

MAX_ENTRY_BYTES = 262_144
"""What an event may weigh on every way that the kit leads it: 256 KiB, the limit of a state machine's input.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""
Schema = Mapping[str, Any]


@check("oversized-contract", weakness="large data")
def oversized_contract(system: System) -> Iterator[Finding]:
    """A contract promises to take more than an event may weigh.

    Its own limits (max_length, max_items) allow an event above 256 KiB, and the bus has no claim check: such an event
    is valid, and refused when it is published. Lower the limits, or keep the data elsewhere and send where it is; a
    bus with a claim check does that by itself.
    """
    if _has_claim_check(system):
        return
    for node in system.graph.of("event"):
        largest = declared_bytes(node.event) if node.event else 0
        if largest > MAX_ENTRY_BYTES:
            yield Finding.at(
                node,
                f"{node.name} may weigh {largest:,} bytes by its contract, and {MAX_ENTRY_BYTES:,} can pass.",
                "Lower the limits of its fields, or turn the claim check of the bus on.",
            )


def _has_claim_check(system: System) -> bool:
    return any("claims" in resource.facts for resource in system.assembly)


def declared_bytes(event: type[Event]) -> int:
    """The weight that a contract's own limits allow: a byte for each character; parts without a limit weigh nothing."""
    schema = json_schema(event)
    return _weight(schema, schema["properties"]["data"], ())


def _weight(root: Schema, schema: Schema, within: tuple[str, ...]) -> int:
    """The most that a part may weigh; a part that holds itself is weighed once."""
    name = schema.get("$ref", "")
    if name in within:
        return 0
    if schema.get("type") == "array":
        items = schema.get("items")
        each = _weight(root, items, within) if isinstance(items, Mapping) else 0
        return int(schema.get("maxItems", 0)) * each
    return max((_own(root, part, (*within, name)) for part in parts(root, schema)), default=0)


def _own(root: Schema, part: Schema, within: tuple[str, ...]) -> int:
    inner = sum(_weight(root, field, within) for field in part.get("properties", {}).values())
    return inner + int(part.get("maxLength", 0))
