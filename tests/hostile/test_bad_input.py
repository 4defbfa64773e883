"""Generated invalid input for the bus, queues, stream, functions and API of one local cloud.

None reaches a handler, each is rejected or quarantined, and the cloud keeps running. MILLRACE_HOSTILE_INPUTS is the
number of inputs.
"""

import http.client
import json
import os
from collections import Counter

import invalid_input as invalid
import pytest
from botocore.exceptions import ClientError

COUNT = int(os.environ.get("MILLRACE_HOSTILE_INPUTS", "1000"))


def examples(strategy, percent):
    """Return this percentage of all inputs. The percentages of all tests add up to a little more than 100."""
    found = invalid.examples(strategy, max(1, COUNT * percent // 100))
    assert len(found) == max(1, COUNT * percent // 100)
    return found


@pytest.fixture
def dead_letters(app):
    """Settle and count the dead letters of every construct; no handler may have run."""
    app.settle()
    app.all_dead_letters()

    def dead_letters():
        app.settle()
        assert app.done() == []
        return app.all_dead_letters()

    return dead_letters


def call(app, method, path, body, headers):
    """Send a request without any validation; return the status and the body of the response."""
    connection = http.client.HTTPConnection("127.0.0.1", app.cloud.port)
    connection.putrequest(method, path, skip_host="host" in headers)
    content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    for name, value in {**headers, "content-length": str(len(content))}.items():
        connection.putheader(name, value.encode("latin-1", "replace"))
    connection.endheaders(content)
    response = connection.getresponse()
    return response.status, response.read()


SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/events/aws4_request, SignedHeaders=host, Signature=0"
PUT_EVENTS = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "AWSEvents.PutEvents",
    "authorization": SIGNED,
}


def put(app, entries):
    """Call PutEvents without boto3's validation; return the accepted entries."""
    status, body = call(app, "POST", "/", json.dumps({"Entries": entries}), PUT_EVENTS)
    content = json.loads(body)
    assert status == 200 or (status == 400 and content["__type"]), content
    results = content["Entries"] if status == 200 else [{}] * len(entries)
    return [entry for entry, result in zip(entries, results, strict=True) if "EventId" in result]


def is_accepted(operation, **parameters):
    """Return whether a call succeeds, and does not fail with a client error."""
    try:
        operation(**parameters)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        return False
    return True


def test_invalid_entry_on_the_bus_is_rejected_or_quarantined_by_each_consumer(app, dead_letters):
    entries = examples(invalid.entries, 40)
    accepted = [entry for start in range(0, len(entries), 5) for entry in put(app, entries[start : start + 5])]
    consumers = Counter(invalid.CONSUMERS.get((e["Source"], e["DetailType"]), "Undeclared") for e in accepted)
    found = dead_letters()
    assert found.pop(("bus", "Undeclared")) == consumers.pop("Undeclared")
    assert sum(found.values()) == sum(number * events for number, events in consumers.items())
    assert None not in {reason for _, reason in found}


def test_entry_with_wrong_types_is_rejected_or_quarantined(app, dead_letters):
    accepted = [entry for each in examples(invalid.malformed_entries, 5) for entry in put(app, [each])]
    assert dead_letters() == Counter({("bus", "Undeclared"): len(accepted)} if accepted else {})


@pytest.mark.parametrize("body", ["[" * invalid.DEEP, "[]", "7", '{"Entries": {}, "Entries": 7}', '{"Entries": [[]]}'])
def test_call_without_entries_is_rejected(app, body):
    assert call(app, "POST", "/", body, PUT_EVENTS)[0] == 400


@pytest.mark.parametrize("queue", ["giveroomqueue", "mealqueue"])
def test_invalid_message_to_a_queue_is_rejected_or_quarantined(app, dead_letters, queue):
    bodies, url = examples(invalid.bodies, 10), app.queue(queue)
    accepted = [body for body in bodies if is_accepted(app.client("sqs").send_message, QueueUrl=url, MessageBody=body)]
    assert sum(dead_letters().values()) == len(accepted)


def test_invalid_record_in_a_stream_is_quarantined(app, dead_letters):
    (stream,) = app.client("kinesis").list_streams()["StreamNames"]
    records = [body.encode("utf-8", "surrogatepass") for body in [*examples(invalid.bodies, 5), "\xff\ud800"]]
    for record in records:
        app.client("kinesis").put_record(StreamName=stream, PartitionKey=str(len(record) % 7), Data=record)
    assert sum(dead_letters().values()) == len(records)


@pytest.mark.parametrize("function", ["greet", "give_room", "note_bill", "start_meal"])
def test_invalid_payload_of_a_function_is_quarantined(app, dead_letters, function):
    payloads, name = examples(invalid.payloads, 3), app.function(function)
    for payload in payloads:
        app.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(payload))
    assert sum(dead_letters().values()) == len(payloads)


@pytest.mark.parametrize("payload", ["", "{", "[" * 60_000, "nul"])
def test_payload_other_than_json_is_rejected_or_becomes_a_dead_letter(app, dead_letters, payload):
    name = app.function("greet")
    accepted = is_accepted(app.client("lambda").invoke, FunctionName=name, InvocationType="Event", Payload=payload)
    assert sum(dead_letters().values()) == int(accepted)


@pytest.mark.parametrize("kind", ["structured", "batches", "binary", "strange"])
def test_invalid_request_to_the_api_is_rejected_and_reaches_no_bus(app, dead_letters, kind):
    before = len(app.cloud.region.history.flows())
    requests = examples(getattr(invalid, kind), 7)
    statuses = Counter()
    for path, (headers, body) in requests:
        statuses[call(app, "POST", path, body, {"host": app.host, **headers})[0] // 100] += 1
    assert (statuses, dead_letters()) == (Counter({4: len(requests)}), Counter())
    assert len(app.cloud.region.history.flows()) == before


@pytest.mark.parametrize("megabytes", [5, 11])
def test_request_too_large_for_the_api_or_its_function_is_rejected(app, dead_letters, megabytes):
    body = json.dumps({**invalid.CLOUD_EVENT, "data": {"key": "x" * (megabytes * invalid.MIB)}})
    status, _ = call(app, "POST", "/events", body, {"host": app.host, "content-type": invalid.STRUCTURED})
    assert (status // 100, dead_letters()) == (4, Counter())


def test_valid_event_is_handled_after_the_invalid_input(app, dead_letters):
    assert dead_letters() == Counter()
    app.put(app.entry(app.detail()))
    app.settle()
    assert [function for function, _ in app.done()] == ["give_room", "greet", "note_bill", "note_bill"]
