"""Event ingress of the API: CloudEvents, validation and authorization."""

import json
import time

import pytest
from joserfc.jwk import RSAKey

pytest_plugins = ["notes_api_fixtures"]

ARRIVED = {"author": "post", "note_id": "a-1", "text": "Hello."}
EVENT = {"specversion": "1.0", "id": "e-1", "source": "notes.post", "type": "NoteArrived", "data": ARRIVED}
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


@pytest.fixture
def send(public):
    """Send a changed CloudEvent in structured mode."""

    def send(content_type=STRUCTURED, body=None, **changed):
        whole = json.dumps({**EVENT, **changed} if body is None else body).encode()
        return public.send("POST", "/events", whole, content_type=content_type)

    return send


@pytest.fixture
def stored(empty_cloud, get):
    """Settle, and return the ids of the stored notes."""

    def stored(author="post"):
        empty_cloud.settle()
        return [note["note_id"] for note in get(f"/notes/{author}?limit=100")["items"]]

    return stored


@pytest.fixture
def on_the_bus(empty_cloud):
    """Return the number of events on the bus so far."""
    return lambda: len(empty_cloud.region.history.flows())


def test_event_is_accepted_in_structured_mode(send, stored):
    answer = send(data={**ARRIVED, "note_id": "structured"})
    assert (answer.status, "structured" in stored()) == (202, True)


def test_event_is_accepted_in_binary_mode(public, stored):
    headers = {"ce_specversion": "1.0", "ce_id": "b-1", "ce_source": "notes.post", "ce_type": "NoteArrived"}
    answer = public.send("POST", "/events", {**ARRIVED, "note_id": "binary"}, **headers)
    assert (answer.status, "binary" in stored()) == (202, True)


def test_events_are_accepted_in_a_batch(send, stored):
    batch = [{**EVENT, "id": f"batch-{n}", "data": {**ARRIVED, "note_id": f"batch-{n}"}} for n in range(12)]
    answer = send(BATCH, batch)
    ids = {each["event_id"] for each in json.loads(answer.body)["accepted"]}
    assert (answer.status, len(ids)) == (202, 12)
    assert {f"batch-{n}" for n in range(12)} <= set(stored())


def test_batch_is_accepted_or_rejected_as_a_whole(send, stored, on_the_bus):
    before = on_the_bus()
    answer = send(BATCH, [{**EVENT, "data": {**ARRIVED, "note_id": "half"}}, {**EVENT, "data": {"note_id": 1}}])
    assert (answer.status, "half" in stored(), on_the_bus()) == (422, False, before)


def test_repeated_id_of_a_source_is_the_same_event(send):
    first, second, third = (json.loads(send(id=name).body)["accepted"][0]["event_id"] for name in ("x", "x", "y"))
    assert first == second != third


@pytest.mark.parametrize(
    ("changed", "status", "named"),
    [
        ({"source": "notes.editor", "type": "NoteStored", "data": {"note_id": "n"}}, 403, "NoteStored"),
        ({"source": "notes.editor", "type": "WriteNote"}, 403, "WriteNote"),
        ({"source": "notes.editor"}, 403, "notes.editor"),
        ({"type": "NoteUnknown"}, 403, "NoteUnknown"),
        ({"data": {"author": "post"}}, 422, "NoteArrived.note_id"),
        ({"data": "text"}, 400, "data"),
        ({"specversion": "2.0"}, 400, "specversion"),
        ({"id": ""}, 400, "CloudEvent.id"),
        ({"version": 9}, 422, "version 9"),
    ],
)
def test_undeclared_or_invalid_event_is_rejected(send, on_the_bus, changed, status, named):
    before = on_the_bus()
    answer = send(**changed)
    assert (answer.status, named in json.loads(answer.body)["detail"]) == (status, True)
    assert on_the_bus() == before


@pytest.mark.parametrize(
    ("content_type", "body", "status"), [("text/plain", {}, 415), (BATCH, [], 400), (BATCH, {}, 400)]
)
def test_request_without_a_cloudevent_is_rejected(send, content_type, body, status):
    assert send(content_type, body).status == status


def test_external_event_cannot_set_its_causation(send, empty_cloud):
    answer = send(id="forged", causationid="c", producer="write_note", hops=40)
    correlation_id = json.loads(answer.body)["accepted"][0]["correlation_id"]
    empty_cloud.settle()
    (event, *_) = (r for r in empty_cloud.region.history.flow(correlation_id) if r.kind == "event")
    assert (event.more["producer"], event.more["causation_id"]) == ("notes.post", None)


def test_signer_can_publish_its_sources_only(api_named):
    signed = api_named("Signed")

    def send(**changed):
        body = json.dumps({**EVENT, **changed}).encode()
        return signed.send("POST", "/events", body, **signed.signed("POST", "/events", body, kind=STRUCTURED)).status

    torn = {"source": "notes.shredder", "type": "NoteTorn", "data": {"note_id": "n"}}
    assert (send(), send(**torn), signed.send("POST", "/events", b"{}").status) == (202, 403, 403)


@pytest.mark.parametrize(
    ("scope", "source", "status"),
    [
        ("events:notes.post", "notes.post", 202),
        ("notes", "notes.post", 403),
        ("events:notes.shredder", "notes.post", 403),
    ],
)
def test_token_can_publish_sources_of_its_scopes_only(api_named, notes_issuer, scope, source, status):
    body = json.dumps({**EVENT, "source": source}).encode()
    token = f"Bearer {notes_issuer.token(scope=scope)}"
    answer = api_named("Tokens").send("POST", "/events", body, content_type=STRUCTURED, authorization=token)
    assert answer.status == status


@pytest.mark.parametrize("path", ["/openapi.json", "/notes/ada", "/notes/ada/n-1"])
@pytest.mark.parametrize(
    "changed", [None, {"exp": time.time() - 1}, {"key": RSAKey.generate_key(2048, {"kid": "one"}, private=True)}]
)
def test_missing_expired_or_forged_token_is_unauthorized(api_named, notes_issuer, path, changed):
    headers = {} if changed is None else {"authorization": f"Bearer {notes_issuer.token(scope='notes', **changed)}"}
    assert api_named("Tokens").send("GET", path, **headers).status == 401


def test_token_with_scope_can_query_and_command(api_named, notes_issuer):
    tokens = api_named("Tokens")
    good, other = ({"authorization": f"Bearer {notes_issuer.token(scope=scope)}"} for scope in ("notes", "mail"))
    note = {"author": "t", "note_id": "t-1", "text": "x"}
    assert tokens.send("POST", "/commands/WriteNote", note, **good).status == 202
    assert (tokens.send("GET", "/notes/t", **good).status, tokens.send("GET", "/notes/t", **other).status) == (200, 403)
