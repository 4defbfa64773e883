"""A thousand inputs that hypothesis makes, at the bus, the queues, the stream, the functions and the API of one cloud.

None reaches a handler, each is accounted for, and the cloud stands. MILLRACE_HOSTILE_INPUTS says how many there are.
"""

import http.client
import json
import os
from collections import Counter

import pytest
import rubbish
from botocore.exceptions import ClientError

COUNT = int(os.environ.get("MILLRACE_HOSTILE_INPUTS", "1000"))


def given(strategy, share):
    """So many in a hundred of all inputs; together the tests have a few more than a hundred in a hundred."""
    drawn = rubbish.drawn(strategy, max(1, COUNT * share // 100))
    assert len(drawn) == max(1, COUNT * share // 100)
    return drawn


@pytest.fixture
def letters(inn):
    """The letters of every construct, counted, once all is done; no handler may have run."""
    inn.settle()
    inn.all_letters()

    def letters():
        inn.settle()
        assert inn.done() == []
        return inn.all_letters()

    return letters


def call(inn, method, path, body, headers):
    """A request as it is, whatever may be wrong with it; the status and the body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", inn.cloud.port)
    connection.putrequest(method, path, skip_host="host" in headers)
    content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    for name, value in {**headers, "content-length": str(len(content))}.items():
        connection.putheader(name, value.encode("latin-1", "replace"))
    connection.endheaders(content)
    answer = connection.getresponse()
    return answer.status, answer.read()


def put(inn, entries):
    """PutEvents by hand: boto3 would look at the types first. Gives the entries that are on the bus."""
    signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/events/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSEvents.PutEvents"}
    headers["authorization"] = signed
    status, body = call(inn, "POST", "/", json.dumps({"Entries": entries}), headers)
    told = json.loads(body)
    assert status == 200 or (status == 400 and told["__type"]), told
    answers = told["Entries"] if status == 200 else [{}] * len(entries)
    return [entry for entry, answer in zip(entries, answers, strict=True) if "EventId" in answer]


def accepted(operation, **asked):
    """Whether an operation is taken, and not refused as the caller's mistake."""
    try:
        operation(**asked)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        return False
    return True


def test_what_is_put_onto_the_bus_is_refused_or_put_aside_by_each_consumer(inn, letters):
    entries = given(rubbish.entries, 40)
    taken = [entry for start in range(0, len(entries), 5) for entry in put(inn, entries[start : start + 5])]
    consumers = Counter(rubbish.CONSUMERS.get((e["Source"], e["DetailType"]), "Undeclared") for e in taken)
    found = letters()
    assert found.pop(("bus", "Undeclared")) == consumers.pop("Undeclared")
    assert sum(found.values()) == sum(number * events for number, events in consumers.items())
    assert None not in {reason for _, reason in found}


def test_an_entry_of_wrong_types_is_refused_or_put_aside(inn, letters):
    taken = [entry for each in given(rubbish.wrong_entries, 5) for entry in put(inn, [each])]
    assert letters() == Counter({("bus", "Undeclared"): len(taken)} if taken else {})


@pytest.mark.parametrize("body", ["[" * rubbish.DEEP, "[]", "7", '{"Entries": {}, "Entries": 7}', '{"Entries": [[]]}'])
def test_a_call_that_holds_no_entries_is_refused(inn, body):
    signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/events/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSEvents.PutEvents"}
    headers["authorization"] = signed
    assert call(inn, "POST", "/", body, headers)[0] == 400


@pytest.mark.parametrize("queue", ["giveroomqueue", "mealqueue"])
def test_what_is_sent_straight_to_a_queue_is_refused_or_put_aside(inn, letters, queue):
    bodies, url = given(rubbish.bodies, 10), inn.queue(queue)
    taken = [body for body in bodies if accepted(inn.client("sqs").send_message, QueueUrl=url, MessageBody=body)]
    assert sum(letters().values()) == len(taken)


def test_what_is_put_straight_into_a_stream_is_put_aside(inn, letters):
    (stream,) = inn.client("kinesis").list_streams()["StreamNames"]
    records = [body.encode("utf-8", "surrogatepass") for body in [*given(rubbish.bodies, 5), "\xff\ud800"]]
    for record in records:
        inn.client("kinesis").put_record(StreamName=stream, PartitionKey=str(len(record) % 7), Data=record)
    assert sum(letters().values()) == len(records)


@pytest.mark.parametrize("function", ["greet", "give_room", "note_bill", "start_meal"])
def test_what_a_function_is_invoked_with_is_put_aside(inn, letters, function):
    payloads, name = given(rubbish.payloads, 3), inn.function(function)
    for payload in payloads:
        inn.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(payload))
    assert sum(letters().values()) == len(payloads)


@pytest.mark.parametrize("payload", ["", "{", "[" * 60_000, "nul"])
def test_a_payload_that_is_no_json_is_refused_or_ends_as_a_letter(inn, letters, payload):
    name = inn.function("greet")
    taken = accepted(inn.client("lambda").invoke, FunctionName=name, InvocationType="Event", Payload=payload)
    assert sum(letters().values()) == int(taken)


@pytest.mark.parametrize("kind", ["structured", "batches", "binary", "strange"])
def test_what_is_sent_to_the_api_is_refused_and_reaches_no_bus(inn, letters, kind):
    before = len(inn.cloud.region.history.flows())
    requests = given(getattr(rubbish, kind), 7)
    statuses = Counter()
    for path, (headers, body) in requests:
        statuses[call(inn, "POST", path, body, {"host": inn.host, **headers})[0] // 100] += 1
    assert (statuses, letters()) == (Counter({4: len(requests)}), Counter())
    assert len(inn.cloud.region.history.flows()) == before


@pytest.mark.parametrize("megabytes", [5, 11])
def test_what_is_too_large_for_the_api_or_its_function_is_refused(inn, letters, megabytes):
    body = json.dumps({**rubbish.CLOUD_EVENT, "data": {"key": "x" * (megabytes * rubbish.MIB)}})
    status, _ = call(inn, "POST", "/events", body, {"host": inn.host, "content-type": rubbish.STRUCTURED})
    assert (status // 100, letters()) == (4, Counter())


def test_after_all_that_a_good_event_passes(inn, letters):
    assert letters() == Counter()
    inn.put(inn.entry(inn.detail()))
    inn.settle()
    assert [function for function, _ in inn.done()] == ["give_room", "greet", "note_bill", "note_bill"]
