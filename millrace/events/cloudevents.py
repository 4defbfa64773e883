"""Converts between envelopes and CloudEvents 1.0.

`source` and `type` are the source and the detail-type. The metadata are extension attributes with the names of the
fields without underscores. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from millrace.events.contract import ContractError
from millrace.events.envelope import Envelope
from millrace.events.metadata import Metadata, in_utc

STRUCTURED = "application/cloudevents+json"
CloudEvent = dict[str, Any]
_JSON = "application/json"
_ATTRIBUTES = {"event_id": "id", "occurred_at": "time"}
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def _text(moment: Any) -> Any:
    if isinstance(moment, str | datetime):
        return moment
    raise ValueError("should be a string in RFC 3339 format")


class _Attributes(BaseModel):
    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    id: str = Field(min_length=1)
    source: str = Field(min_length=1)
    type: str = Field(min_length=1)
    datacontenttype: str = Field(default=_JSON, pattern=r"^application/([\w.-]+\+)?json\b")
    time: Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(in_utc)] = Field(
        default_factory=lambda: datetime.now(UTC)
    )
    data: dict[str, Any]
    correlationid: str | None = Field(default=None, min_length=1)
    causationid: str | None = None
    producer: str | None = None
    version: int = Field(default=1, ge=1)
    hops: int = Field(default=0, ge=0)
    path: str | None = None
    idempotencykey: str | None = None
    traceparent: str | None = None
    stream: str | None = None
    streamversion: int | None = Field(default=None, ge=1)


def to_cloudevent(envelope: Envelope) -> CloudEvent:
    """The CloudEvent of an envelope, in structured JSON mode."""
    detail = envelope["detail"]
    metadata = Metadata.model_validate(detail["metadata"]).model_dump(mode="json", exclude_none=True)
    return {
        "specversion": "1.0",
        "source": envelope["source"],
        "type": envelope["detail-type"],
        "datacontenttype": _JSON,
        **{_attribute(field): value for field, value in metadata.items()},
        "data": detail["data"],
    }


def from_cloudevent(cloudevent: CloudEvent) -> Envelope:
    """The envelope of a CloudEvent in structured JSON mode. Raises ContractError, which names the attribute.

    Without metadata, the event starts a flow: its id is the correlation id, and its source is the producer.
    """
    try:
        given = _Attributes.model_validate(cloudevent)
    except ValidationError as error:
        raise ContractError.of("CloudEvent", error) from error
    known = given.model_dump(exclude_none=True)
    event_id = _event_id(given)
    defaults = {"correlation_id": event_id, "producer": given.source}
    given_fields = {field: known[_attribute(field)] for field in Metadata.model_fields if _attribute(field) in known}
    metadata = Metadata.model_validate(defaults | given_fields | {"event_id": event_id})
    return {
        "source": given.source,
        "detail-type": given.type,
        "detail": {"metadata": metadata.model_dump(mode="json", exclude_none=True), "data": given.data},
    }


def to_http(envelope: Envelope) -> tuple[dict[str, str], bytes]:
    """Headers and body in binary mode.

    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
    """
    attributes = to_cloudevent(envelope)
    data, content_type = attributes.pop("data"), attributes.pop("datacontenttype")
    headers = {f"ce-{name}": quote(str(value), safe=_SAFE) for name, value in attributes.items()}
    return {"content-type": content_type, **headers}, json.dumps(data).encode()


def from_http(headers: Mapping[str, str], body: bytes | str) -> Envelope:
    """The envelope of a request in structured or binary mode. Raises ContractError."""
    lower = {name.lower(): value for name, value in headers.items()}
    kind = lower.get("content-type", _JSON)
    given = _parsed(body)
    if kind.lower().startswith(STRUCTURED):
        if not isinstance(given, dict):
            raise ContractError("CloudEvent", [("body", given, "should be one CloudEvent object")])
        return from_cloudevent(given)
    attributes = {name[3:]: unquote(value) for name, value in lower.items() if name.startswith("ce-")}
    return from_cloudevent({**attributes, "datacontenttype": kind, "data": given})


def _attribute(field: str) -> str:
    return _ATTRIBUTES.get(field, field.replace("_", ""))


def _event_id(given: _Attributes) -> str:
    """A UUID as it is. Another id is unique only within its source, so a UUID is derived from both."""
    try:
        return str(UUID(given.id))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, f"{given.source} {given.id}"))


def _parsed(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ContractError("CloudEvent", [("body", body[:80], f"is not JSON: {error}")]) from error
