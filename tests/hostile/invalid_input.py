"""Hypothesis strategies for invalid input: no example is an event that satisfies its contract."""

import json

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

DEEP = 60_000
MIB = 1_048_576
CONSUMERS = {
    ("test.guests", "GuestArrived"): 3,
    ("test.guests", "MealOrdered"): 1,
    ("test.reservations", "BookRoom"): 1,
    ("test.hotel", "RoomGiven"): 1,
}
"""How many functions consume an event. Each of them quarantines it."""
VALID = {
    "GuestArrived": {"key": "k", "name": "Eve", "card": "1", "passports": [{"number": "2", "country": "NO"}]},
    "MealOrdered": {"key": "k", "cents": 1},
    "BookRoom": {"key": "k", "card": "1"},
    "RoomGiven": {"key": "k", "card": "1"},
}
VERSIONS = {"GuestArrived": 2}

text = st.text(max_size=40) | st.sampled_from(
    ["\x00", "\u202e", "\ud800", "\ufffe", "\U0001d54f" * 30, "'; --", "${jndi:x}", "\r\n"]
)
numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(2**63) - 1, 1e308])
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(text, values, max_size=4)
odd_strings = st.sampled_from(
    [
        "",
        " ",
        "[" * DEEP,
        '{"a":' * DEEP,
        "NaN",
        "nul",
        '{"detail": NaN}',
        "\ufeff{}",
        '"' + "x" * 300_000 + '"',
        "1e999",
    ]
)


def examples(strategy, count):
    """Return `count` examples of a strategy, the same ones each time."""
    found = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(strategy)
    def draw(value):
        found.append(value)

    draw()
    return found


@st.composite
def broken_details(draw, name):
    """The detail of an event with one error in its data or metadata."""
    metadata = {
        "event_id": f"e-{draw(st.uuids())}",
        "correlation_id": "c",
        "occurred_at": "2026-11-27T12:00:00Z",
        "producer": "test",
        "version": VERSIONS.get(name, 1),
    }
    valid = {"metadata": metadata, "data": VALID[name]}
    field = draw(st.sampled_from(sorted(VALID[name])))
    invalid = draw(st.none() | st.booleans() | st.floats() | st.dictionaries(text, values, min_size=1, max_size=2))
    variants = [
        {**valid, "data": {**VALID[name], field: invalid}},
        {**valid, "data": {known: value for known, value in VALID[name].items() if known != "key"}},
        {**valid, "data": draw(st.lists(values, max_size=2) | text | numbers)},
        {"metadata": metadata},
        {"data": VALID[name]},
        {**valid, "metadata": {**metadata, "version": draw(st.integers(min_value=3) | st.just(0) | st.just("two"))}},
        {**valid, "metadata": {**metadata, "hops": draw(st.integers(max_value=-1) | st.just("many"))}},
        {**valid, "metadata": {**metadata, "occurred_at": draw(st.just("yesterday") | st.none() | st.just([]))}},
        {**valid, "metadata": {k: v for k, v in metadata.items() if k != draw(st.just("event_id"))}},
        {**valid, "metadata": draw(values.filter(lambda value: not isinstance(value, dict)))},
        {**valid, "claim": draw(values)},
        {**valid, "claim": {"bucket": "b", "key": "k", "bytes": 1, "sha256": "0" * 64}},
        {**valid, "data": {**VALID[name], "key": ["x" * 240_000]}},
        draw(objects),
    ]
    return draw(st.sampled_from(variants))


named = st.sampled_from(sorted(CONSUMERS)).flatmap(
    lambda name: st.tuples(st.just(name), broken_details(name[1]).map(json.dumps))
)
misnamed = st.tuples(
    st.tuples(
        st.sampled_from(["test.guests", "test.hotel", "test.reservations", "other", "aws.ec2", "test.hotel "]) | text,
        st.sampled_from(["guestarrived", "GuestArrived ", "*", "RoomGiven.", "Nothing"]) | text,
    ).filter(lambda name: name not in CONSUMERS),
    broken_details("MealOrdered").map(json.dumps) | objects.map(json.dumps),
)
unreadable = st.tuples(st.sampled_from(sorted(CONSUMERS)), odd_strings | values.map(json.dumps))
entries = st.builds(
    lambda whole: {"Source": whole[0][0], "DetailType": whole[0][1], "Detail": whole[1], "EventBusName": "hotel"},
    named | misnamed | unreadable,
)
malformed_entries = st.dictionaries(
    st.sampled_from(["Source", "DetailType", "Detail", "Time", "Resources", "EventBusName", "Extra"]),
    values,
    max_size=7,
).map(lambda entry: {**entry, "EventBusName": "hotel"}) | st.just(
    {"Source": "s", "DetailType": "t", "Detail": json.dumps({"x": "y" * MIB}), "EventBusName": "hotel"}
)


def envelopes(names):
    """Whole events, as a rule would deliver them, wrong in one way each."""
    return st.sampled_from(names).flatmap(
        lambda name: st.builds(
            lambda detail, known: {"source": name[0], "detail-type": name[1], **known, "detail": detail},
            broken_details(name[1]),
            st.fixed_dictionaries({}, optional={"id": values, "account": values, "time": values}),
        )
    )


bodies = (
    odd_strings.filter(lambda body: body.strip())
    | values.map(json.dumps)
    | envelopes([("test.guests", "GuestArrived"), ("test.guests", "MealOrdered")]).map(json.dumps)
)
parts = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["body", "messageId", "attributes", "kinesis"], values | st.just({"data": 1}))
)
payloads = (
    values
    | envelopes([("test.guests", "GuestArrived")])
    | st.fixed_dictionaries({"Records": values | st.lists(st.fixed_dictionaries({"body": values}), max_size=3)})
    | st.fixed_dictionaries({"Records": st.lists(parts, max_size=2)})
    | st.fixed_dictionaries({"flow": st.fixed_dictionaries({"events": values}) | values, "attempt": values})
    | st.just({"Records": [{"kinesis": {"data": "?"}, "eventID": "1"}]})
    | st.just({"requestPayload": {}, "flow": {}, "rebuild": 1, "attempt": "x"})
)

CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "test.guests",
    "type": "GuestArrived",
    "data": VALID["GuestArrived"],
}
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


@st.composite
def broken_cloud_events(draw):
    """A CloudEvent with an attribute or data that the ingress rejects."""
    changed = draw(
        st.fixed_dictionaries({"specversion": values.filter(lambda value: value != "1.0")})
        | st.fixed_dictionaries({"type": values})
        | st.fixed_dictionaries({"source": values})
        | st.sampled_from(["test.hotel", "test.reservations"]).map(
            lambda source: {"source": source, "type": "RoomGiven"}
        )
        | st.fixed_dictionaries({"id": st.just("") | st.none() | st.integers() | st.lists(values)})
        | st.fixed_dictionaries({"time": st.just("noon") | st.integers() | objects})
        | st.fixed_dictionaries({"version": st.integers(min_value=3) | st.just(0) | st.just([])})
        | st.fixed_dictionaries({"hops": st.integers(max_value=-1) | st.just("x")})
        | broken_details("GuestArrived").map(lambda detail: {"data": detail})
        | st.fixed_dictionaries({"data": st.none() | text | numbers | st.lists(values)})
    )
    return {**CLOUD_EVENT, **changed}


def printable(value):
    """Return a value as the text of a header."""
    return json.dumps(value).encode("ascii", "replace").decode()[:2_000]


structured = st.tuples(
    st.just("/events"), broken_cloud_events().map(lambda event: ({"content-type": STRUCTURED}, json.dumps(event)))
)
batches = st.tuples(
    st.just("/events"),
    (
        st.lists(st.just(CLOUD_EVENT) | broken_cloud_events(), max_size=4).filter(
            lambda batch: CLOUD_EVENT not in batch[:1]
        )
    )
    .map(lambda batch: [*batch, {**CLOUD_EVENT, "specversion": "2"}])
    .map(lambda batch: ({"content-type": BATCH}, json.dumps(batch)))
    | values.filter(lambda value: not isinstance(value, list)).map(lambda v: ({"content-type": BATCH}, json.dumps(v))),
)
binary = st.tuples(
    st.just("/events"),
    broken_cloud_events().map(
        lambda event: (
            {
                "content-type": "application/json",
                **{f"ce-{name}": printable(value) for name, value in event.items() if name != "data"},
            },
            json.dumps(event["data"]),
        )
    ),
)
strange_bodies = odd_strings | values.map(json.dumps) | st.binary(max_size=200)
strange = st.tuples(
    st.sampled_from(["/events", "/commands/BookRoom", "/commands/RoomGiven", "/commands/../events", "/nothing"]),
    st.tuples(
        st.fixed_dictionaries(
            {"content-type": st.sampled_from([STRUCTURED, BATCH, "application/json", "text/html", "", "x" * 500])},
            optional={
                "idempotency-key": text.map(printable),
                "ce-specversion": text.map(printable),
                "ce-data": text.map(printable),
                "traceparent": text.map(printable),
                "content-encoding": st.just("gzip"),
                "x-forwarded-for": st.just("127.0.0.1, evil"),
                "x-millrace": st.just("1"),
                "x-amz-target": st.just("AWSEvents.PutEvents"),
            },
        ),
        strange_bodies,
    ),
)
