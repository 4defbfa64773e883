"""The door for answers, where callers have tokens: who may answer what."""

import json
import time

import pytest
from joserfc.jwk import RSAKey

pytest_plugins = ["notes_api_fixtures"]

KIND = "application/cloudevents+json"
TORN = {"specversion": "1.0", "id": "t-1", "source": "notes.shredder", "type": "NoteTorn"}
REPAIRED = {"specversion": "1.0", "id": "m-1", "source": "notes.repairs", "type": "NoteRepaired"}


@pytest.fixture
def asked(public, empty_cloud, notes_api):
    """Publish a torn note and settle; return the callback id of its repair."""

    def asked(note_id):
        torn = json.dumps({**TORN, "id": note_id, "data": {"note_id": note_id}}).encode()
        assert public.ask("POST", "/events", torn, content_type=KIND).status == 202
        empty_cloud.settle()
        tables = empty_cloud.client("dynamodb").list_tables()["TableNames"]
        notes = empty_cloud.resource("dynamodb").Table(next(name for name in tables if "Notes" in name))
        return notes.get_item(Key={"author": "repairs", "note_id": note_id})["Item"]["callback_id"]

    return asked


@pytest.fixture
def answer(api_named, notes_issuer):
    """Answer with a token of a scope, or with what is changed in it; gives the status."""

    def answer(callback_id, note_id, scope="events:notes.repairs", kind=KIND, **changed):
        told = json.dumps({**REPAIRED, "data": {"note_id": note_id}}).encode()
        headers = {"authorization": f"Bearer {notes_issuer.token(scope=scope, **changed)}"} if scope else {}
        return api_named("Tokens").ask("POST", f"/callbacks/{callback_id}", told, content_type=kind, **headers)

    return answer


def test_whoever_has_the_scope_of_its_source_answers(asked, answer, empty_cloud):
    given = answer(asked("n-1"), "n-1")
    empty_cloud.settle()
    machines = empty_cloud.client("stepfunctions")
    (machine,) = machines.list_state_machines()["stateMachines"]
    ended = machines.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="SUCCEEDED")
    assert (given.status, json.loads(given.body)) == (202, {"answer": "NoteRepaired"})
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
def test_nobody_else_does_whatever_id_he_has(asked, answer, scope, changed, status):
    callback = asked(f"n-{status}-{len(changed)}-{scope == 'notes'}".lower())
    assert answer(callback, "n", scope, **changed).status == status
    assert answer(callback, "n").status == 202


def test_a_caller_who_may_not_answer_learns_nothing_of_ids(answer):
    assert [answer("no-id", "n", scope).status for scope in ("notes", "events:notes.repairs")] == [403, 404]


def test_an_answer_is_one_cloudevent(asked, answer):
    callback = asked("n-one")
    batch = answer(callback, "n-one", kind="application/cloudevents-batch+json")
    assert (batch.status, json.loads(batch.body)["title"]) == (415, "Unsupported Media Type")
    assert answer(callback, "n-one", kind="text/plain").status == 415
