"""Callbacks through an API with token authorization."""

import json
import time

import pytest
from joserfc.jwk import RSAKey

pytest_plugins = ["notes_api_fixtures"]

KIND = "application/cloudevents+json"
TORN = {"specversion": "1.0", "id": "t-1", "source": "notes.shredder", "type": "NoteTorn"}
REPAIRED = {"specversion": "1.0", "id": "m-1", "source": "notes.repairs", "type": "NoteRepaired"}


@pytest.fixture
def tear(public, empty_cloud, notes_api):
    """Publish a torn note and settle; return the callback id of its repair."""

    def tear(note_id):
        torn = json.dumps({**TORN, "id": note_id, "data": {"note_id": note_id}}).encode()
        assert public.send("POST", "/events", torn, content_type=KIND).status == 202
        empty_cloud.settle()
        tables = empty_cloud.client("dynamodb").list_tables()["TableNames"]
        name = next(name for name in tables if name.startswith("App-Notes"))
        notes = empty_cloud.resource("dynamodb").Table(name)
        return notes.get_item(Key={"author": "repairs", "note_id": note_id})["Item"]["callback_id"]

    return tear


@pytest.fixture
def answer(api_named, notes_issuer):
    """Send a callback with a token of a scope; return the response."""

    def answer(callback_id, note_id, scope="events:notes.repairs", kind=KIND, **changed):
        body = json.dumps({**REPAIRED, "data": {"note_id": note_id}}).encode()
        headers = {"authorization": f"Bearer {notes_issuer.token(scope=scope, **changed)}"} if scope else {}
        return api_named("Tokens").send("POST", f"/callbacks/{callback_id}", body, content_type=kind, **headers)

    return answer


def test_token_with_scope_of_the_source_can_answer(tear, answer, empty_cloud):
    response = answer(tear("n-1"), "n-1")
    empty_cloud.settle()
    machines = empty_cloud.client("stepfunctions")
    (machine,) = machines.list_state_machines()["stateMachines"]
    ended = machines.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="SUCCEEDED")
    assert (response.status, json.loads(response.body)) == (202, {"answer": "NoteRepaired"})
    assert len(ended["executions"]) == 1


@pytest.mark.parametrize(
    ("scope", "changed", "status"),
    [
        ("events:notes.shredder", {}, 403),
        ("notes", {}, 403),
        (None, {}, 401),
        ("events:notes.repairs", {"exp": int(time.time()) - 1}, 401),
        ("events:notes.repairs", {"aud": "another"}, 401),
        ("events:notes.repairs", {"key": RSAKey.generate_key(2048, {"kid": "one"}, private=True)}, 401),
    ],
)
def test_other_tokens_cannot_answer_with_a_valid_id(tear, answer, scope, changed, status):
    callback = tear(f"n-{status}-{len(changed)}-{scope == 'notes'}".lower())
    assert answer(callback, "n", scope, **changed).status == status
    assert answer(callback, "n").status == 202


def test_forbidden_caller_cannot_probe_callback_ids(answer):
    assert [answer("no-id", "n", scope).status for scope in ("notes", "events:notes.repairs")] == [403, 404]


def test_callback_is_a_single_cloudevent(tear, answer):
    callback = tear("n-one")
    batch = answer(callback, "n-one", kind="application/cloudevents-batch+json")
    assert (batch.status, json.loads(batch.body)["title"]) == (415, "Unsupported Media Type")
    assert answer(callback, "n-one", kind="text/plain").status == 415
