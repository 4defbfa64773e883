"""Large data through the API, event stores, table changes and a rebuild: no byte is lost."""

import hashlib

import pytest

CONSUMERS = ("straighten", "recognise", "file_away")
SIZES = (300_000, 5_000_000)


def content_of(name, size):
    """Return a text with this number of characters, and its hash."""
    content = (f"{name} {size} " * (size // 8 + 1))[:size]
    return content, hashlib.sha256(content.encode()).hexdigest()


@pytest.fixture
def view(claims):
    """Return the row of a file in the blue or green table of its read model, without its revision."""

    def view(file_id, color="Blue"):
        item = claims.table(f"ShowFile{color}").get_item(Key={"file_id": file_id})["Item"]
        return {name: value for name, value in item.items() if name != "revision"}

    return view


@pytest.mark.parametrize("size", SIZES)
def test_large_command_is_stored_relayed_and_projected(claims, view, size):
    content, digest = content_of(f"file-{size}", size)
    status = claims.post("/commands/KeepFile", {"file_id": f"file-{size}", "content": content})
    assert status == 202
    assert view(f"file-{size}")["sha256"] == digest


@pytest.mark.parametrize("size", SIZES)
def test_api_accepts_a_large_event_in_binary_mode(claims, size):
    content, digest = content_of(f"scan-{size}", size)
    headers = {"ce-specversion": "1.0", "ce-id": f"scan-{size}", "ce-source": "test.scanner", "ce-type": "Scanned"}
    assert claims.post("/events", {"key": f"scan-{size}", "content": content}, **headers) == 202
    assert claims.seen(f"scan-{size}") == dict.fromkeys(CONSUMERS, digest)


@pytest.mark.parametrize(("size", "status"), [(4_000_000, 202), (5_000_000, 413)])
def test_api_accepts_an_event_in_structured_mode_up_to_four_megabytes(claims, size, status):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    content, digest = content_of(f"whole-{size}", size)
    event = {"specversion": "1.0", "id": f"whole-{size}", "source": "test.scanner", "type": "Scanned"}
    event["data"] = {"key": f"whole-{size}", "content": content}
    assert claims.post("/events", event, "application/cloudevents+json") == status
    assert claims.seen(f"whole-{size}") == (dict.fromkeys(CONSUMERS, digest) if status == 202 else {})


def test_change_of_a_large_field_is_published_with_the_whole_value(claims):
    before, (now, digest) = content_of("paper", 1000)[0], content_of("paper", 300_000)
    papers = claims.table("Papers")
    papers.put_item(Item={"key": "paper", "content": before})
    papers.put_item(Item={"key": "paper", "content": now})
    claims.cloud.settle()
    assert claims.seen("paper") == {"note_paper": digest}


def test_rebuild_reads_large_events_of_the_store(claims, view):
    content, digest = content_of("twice", 5_000_000)
    for text in (content, content[::-1], content):
        claims.post("/commands/KeepFile", {"file_id": "twice", "content": text})
    for step in ("begin", "clear", "read", "finish"):
        claims.call("show_file", {"rebuild": {"do": step}})
    assert view("twice", "Green") == view("twice")
    assert (view("twice")["sha256"], view("twice")["times"]) == (digest, 3)


def test_command_larger_than_a_payload_of_lambda_is_rejected_and_publishes_nothing(claims):
    before = claims.cloud.region.history.flows()
    assert claims.post("/commands/KeepFile", {"file_id": "vast", "content": "x" * 7_000_000}) == 413
    assert claims.cloud.region.history.flows() == before
