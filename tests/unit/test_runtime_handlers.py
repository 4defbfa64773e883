"""Handlers as Lambda calls them: by a rule, by a queue, by a state machine."""

import copy
import importlib
import json
from types import SimpleNamespace

import pytest

from millrace.events import Catalog, Event, Refusal
from millrace.runtime import UndeclaredEventError, processor, starter, step
from millrace.runtime.step import MissingEventError


class Knocked(Event, source="test.visitor"):
    times: int


class Opened(Event, source="test.visitor"):
    width: int


class Bolted(Refusal, source="test.visitor"):
    pass


@pytest.fixture
def published(monkeypatch):
    """The envelopes that handlers publish."""
    sent = []
    for name in ("millrace.runtime.processor", "millrace.runtime.step"):
        module = importlib.import_module(name)  # the package has functions of these names
        monkeypatch.setattr(module, "publisher", lambda: SimpleNamespace(publish=sent.extend))
    return sent


@pytest.fixture
def knock(recorded):
    """An envelope of Knocked, as EventBridge delivers it."""
    whole = recorded("order_placed") | {"source": "test.visitor", "detail-type": "Knocked"}

    def make(times, event_id=None):
        envelope = copy.deepcopy(whole)
        envelope["detail"]["metadata"]["event_id"] = event_id or f"event-{times}"
        envelope["detail"]["data"] = {"times": times}
        return envelope

    return make


def batch(*envelopes):
    records = [
        {
            "messageId": f"message-{number}",
            "body": json.dumps(envelope),
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "receiptHandle": "x",
            "md5OfBody": "x",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:q",
            "awsRegion": "us-east-1",
        }
        for number, envelope in enumerate(envelopes)
    ]
    return {"Records": records}


@processor
def opens(knock: Knocked) -> Opened | None:
    if knock.times > 9:
        raise RuntimeError("too loud")
    return Opened(width=knock.times) if knock.times else None


@processor
def opens_for_all(knocks: list[Knocked]) -> list[Opened]:
    return [Opened(width=knock.times).caused_by(knock) for knock in knocks]


def test_a_rule_calls_with_an_envelope_and_what_follows_is_published(published, knock):
    assert opens(knock(2), None) is None
    assert [envelope["detail"]["data"] for envelope in published] == [{"width": 2}]


def test_what_is_published_names_its_cause_and_its_producer(published, knock):
    cause = knock(2)["detail"]["metadata"]
    opens(knock(2), None)
    effect = published[0]["detail"]["metadata"]
    assert (effect["causation_id"], effect["correlation_id"]) == (cause["event_id"], cause["correlation_id"])
    assert (effect["hops"], effect["producer"]) == (cause["hops"] + 1, "opens")


@processor(repeatable="it writes nothing")
def opens_both(knock: Knocked) -> list[Opened]:
    return [Opened(width=knock.times), Opened(width=knock.times)]


def test_a_repeatable_handler_publishes_the_same_event_ids_each_time(published, knock):
    for _ in range(2):
        opens_both(knock(3, event_id="knock-3"), None)
    ids = [envelope["detail"]["metadata"]["event_id"] for envelope in published]
    assert ids == ["019bc0fd-89c0-7001-ba6b-897fbeb2f0c6", "019bc0fd-89c0-7002-a853-a612a64df074"] * 2


def test_nothing_is_published_where_nothing_follows(published, knock):
    opens(knock(0), None)
    assert published == []


def test_a_batch_answers_with_just_the_records_that_failed(published, knock):
    answer = opens(batch(knock(1), knock(10), knock(3)), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert [envelope["detail"]["data"]["width"] for envelope in published] == [1, 3]


def test_a_batch_of_which_all_fail_answers_with_all(knock):
    answer = opens(batch(knock(10), knock(11)), None)
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["message-0", "message-1"]


def test_record_that_breaks_its_contract_is_quarantined_alone(published, knock, quarantined):
    assert opens(batch(knock("often"), knock(1)), None) == {"batchItemFailures": []}
    assert [json.loads(message["MessageBody"])["detail"]["data"] for message in quarantined] == [{"times": "often"}]
    assert len(published) == 1


def test_a_list_takes_a_batch_as_a_whole(published, knock):
    assert opens_for_all(batch(knock(1), knock(2)), None) == {"batchItemFailures": []}
    assert [envelope["detail"]["data"]["width"] for envelope in published] == [1, 2]


def test_undeclared_event_is_rejected(published, knock):
    @processor
    def handler(knock: Knocked) -> Opened:
        return Bolted()

    with pytest.raises(UndeclaredEventError, match="returned Bolted, but its signature declares Opened"):
        handler(knock(1), None)
    assert published == []


def test_unexpected_event_is_quarantined(recorded, quarantined):
    opens(recorded("order_placed"), None)
    (message,) = quarantined
    assert "received 'OrderPlaced' from 'shop.orders'" in message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]


@step
def enters(knock: Knocked, opened: Opened | None) -> Opened | Bolted:
    return Opened(width=opened.width + 1) if opened else Bolted()


def test_step_returns_the_next_flow(published, knock):
    flow = enters({"flow": {"events": [knock(1)], "refused": False}, "attempt": 0}, None)
    assert [envelope["detail-type"] for envelope in flow["events"]] == ["Knocked", "Bolted"]
    assert flow["refused"] is True
    assert published == flow["events"][1:]


def test_a_step_is_given_the_latest_event_of_a_type(published, knock):
    once = [
        {**knock(1), "detail-type": "Opened", "detail": {**knock(1)["detail"], "data": {"width": w}}} for w in (1, 5)
    ]
    flow = enters({"flow": {"events": [knock(1), *once], "refused": True}}, None)
    assert flow["events"][-1]["detail"]["data"] == {"width": 6}
    assert flow["refused"] is False


def test_a_step_keeps_what_else_is_in_its_flow(published, knock):
    assert enters({"flow": {"events": [knock(1)], "refused": False, "error": "x"}}, None)["error"] == "x"


def ids(task):
    """The ids of the events of a task."""
    return [envelope["detail"]["metadata"]["event_id"] for envelope in enters(task, None)["events"][1:]]


def test_redriven_step_returns_the_same_events(published, knock):
    task = {"execution": "e", "flow": {"events": [knock(1)], "refused": False, "steps": 2}}
    assert ids(task | {"attempt": 3}) == ids(task)
    assert ids(task | {"execution": "f"}) != ids(task)


def test_a_step_that_is_entered_again_with_the_same_events_is_another(published, knock):
    @step
    def quiet(knock: Knocked) -> None: ...

    once = quiet({"execution": "e", "flow": {"events": [knock(1)], "refused": False}}, None)
    again = quiet({"execution": "e", "flow": once}, None)
    assert (once["steps"], again["steps"]) == (1, 2)
    assert ids({"execution": "e", "flow": once}) != ids({"execution": "e", "flow": again})


def test_parallel_steps_count_as_one_and_redrives_of_a_fork_as_none(published, knock):
    task = {"execution": "e", "flow": {"events": [knock(1)], "refused": False, "steps": 1}}
    branch = {"events": [], "refused": False, "steps": 2}
    assert enters({**task, "flow": {**task["flow"], "branches": [branch, branch]}}, None)["steps"] == 3
    assert ids({**task, "flow": {**task["flow"], "redrive_count": 1}}) == ids(task)


def test_step_without_its_event_raises_an_error(published, knock):
    @step
    def handler(opened: Opened) -> None: ...

    with pytest.raises(MissingEventError, match="handler takes Opened"):
        handler({"flow": {"events": [knock(1)], "refused": False}}, None)


def test_the_starter_names_an_execution_after_its_event(monkeypatch, recorded):
    started = []
    machines = SimpleNamespace(
        start_execution=lambda **given: started.append(given),
        exceptions=SimpleNamespace(ExecutionAlreadyExists=KeyError),
    )
    monkeypatch.setattr(starter, "client", lambda _: machines)
    monkeypatch.setattr(starter, "_trigger", lambda: Catalog.load("functions.contracts").named("OrderPlaced"))
    monkeypatch.setenv("MILLRACE_STATE_MACHINE", "arn")
    placed = recorded("order_placed")
    assert starter.handler(batch(placed), None) == {"batchItemFailures": []}
    assert started[0]["name"] == placed["detail"]["metadata"]["event_id"]
    assert [e["detail-type"] for e in json.loads(started[0]["input"])["events"]] == ["OrderPlaced"]
