"""Large data comes in by every door, is kept, and is told of: nothing of it is lost on the way."""

import hashlib

import pytest

WAY = ("straighten", "recognise", "file_away")
SIZES = (300_000, 5_000_000)


def content_of(name, size):
    """A text of so many characters, and its hash."""
    content = (f"{name} {size} " * (size // 8 + 1))[:size]
    return content, hashlib.sha256(content.encode()).hexdigest()


@pytest.fixture
def view(claims):
    """The row of a file in a table of its read model, without its revision."""

    def view(file_id, side="Blue"):
        item = claims.table(f"ShowFile{side}").get_item(Key={"file_id": file_id})["Item"]
        return {name: value for name, value in item.items() if name != "revision"}

    return view


@pytest.mark.parametrize("size", SIZES)
def test_a_command_is_taken_stored_relayed_and_shown_whole(claims, view, size):
    content, digest = content_of(f"file-{size}", size)
    status = claims.post("/commands/KeepFile", {"file_id": f"file-{size}", "content": content})
    assert status == 202
    assert view(f"file-{size}")["sha256"] == digest


@pytest.mark.parametrize("size", SIZES)
def test_the_open_door_takes_a_large_event_whole(claims, size):
    content, digest = content_of(f"scan-{size}", size)
    told = {"ce-specversion": "1.0", "ce-id": f"scan-{size}", "ce-source": "test.scanner", "ce-type": "Scanned"}
    assert claims.post("/events", {"key": f"scan-{size}", "content": content}, **told) == 202
    assert claims.seen(f"scan-{size}") == dict.fromkeys(WAY, digest)


@pytest.mark.parametrize(("size", "status"), [(4_000_000, 202), (5_000_000, 413)])
def test_an_event_in_one_piece_may_be_four_megabytes_as_it_comes_in_base64(claims, size, status):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    content, digest = content_of(f"whole-{size}", size)
    event = {"specversion": "1.0", "id": f"whole-{size}", "source": "test.scanner", "type": "Scanned"}
    event["data"] = {"key": f"whole-{size}", "content": content}
    assert claims.post("/events", event, "application/cloudevents+json") == status
    assert claims.seen(f"whole-{size}") == (dict.fromkeys(WAY, digest) if status == 202 else {})


def test_a_change_of_a_large_field_is_told_whole(claims):
    before, (now, digest) = content_of("paper", 1000)[0], content_of("paper", 300_000)
    papers = claims.table("Papers")
    papers.put_item(Item={"key": "paper", "content": before})
    papers.put_item(Item={"key": "paper", "content": now})
    claims.cloud.settle()
    assert claims.seen("paper") == {"note_paper": digest}


def test_a_rebuild_finds_what_the_store_has_put_aside(claims, view):
    content, digest = content_of("twice", 5_000_000)
    for text in (content, content[::-1], content):
        claims.post("/commands/KeepFile", {"file_id": "twice", "content": text})
    for step in ("begin", "clear", "read", "finish"):
        claims.call("show_file", {"rebuild": {"do": step}})
    assert view("twice", "Green") == view("twice")
    assert (view("twice")["sha256"], view("twice")["times"]) == (digest, 3)


def test_what_is_larger_than_a_function_takes_is_refused_and_says_nothing(claims):
    before = claims.cloud.plane.journal.flows()
    assert claims.post("/commands/KeepFile", {"file_id": "vast", "content": "x" * 7_000_000}) == 413
    assert claims.cloud.plane.journal.flows() == before
