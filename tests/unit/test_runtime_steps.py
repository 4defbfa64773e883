"""Tasks of a state machine: steps that wait for an answer, flows, and the function that starts executions."""

import hashlib
import importlib
import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from millrace.events import Event, Metadata, Refusal, decode, encode
from millrace.runtime import Callback, EventStore, starter, step, tokens
from millrace.runtime.environment import event_types
from millrace.runtime.quarantine import UnexpectedEventError

MODULE = importlib.import_module("millrace.runtime.step")  # the package has a function of this name


class Ordered(Event, source="test.shop"):
    number: int


class Requested(Event, source="test.shop"):
    callback_id: str


class Shipped(Event, source="test.carrier", external=True, version=2):
    number: int


class Lost(Refusal, source="test.carrier", external=True):
    pass


CAUSE = Metadata.root(producer="order_form").model_copy(update={"event_id": "order-1", "correlation_id": "c"})
ORDERED = encode(Ordered(number=1).stamped(CAUSE))


@step(timeout=timedelta(hours=1))
def ships(order: Ordered, callback: Callback[Shipped | Lost]) -> Requested:
    return Requested(callback_id=callback.id)


@pytest.fixture
def log(monkeypatch):
    """What happens, in order: callbacks that open, and the events that are published."""
    log = []

    class CallbackAttempt:
        def __init__(self, key, token, number, expected):
            self.id = "cb-1"
            log.append(("begin", token, number, expected.names, key[0]))

        def open(self, published):
            log.append(("open", [envelope["detail-type"] for envelope in published]))

    def publish(published):
        log.append(("publish", [envelope["detail-type"] for envelope in published]))

    monkeypatch.setattr(tokens, "CallbackAttempt", CallbackAttempt)
    monkeypatch.setattr(MODULE, "publisher", lambda: SimpleNamespace(publish=publish))
    return log


def task(**more):
    return {"execution": "arn:e", "flow": {"events": [ORDERED], "refused": False, "steps": 2}, **more}


def test_a_step_opens_its_callback_before_it_publishes(log):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token"""
    assert ships(task(token="t-1", redrives="2", attempt="3"), None) == {}
    assert log == [
        ("begin", "t-1", (2 << 16) + 3, ["test.carrier:Shipped", "test.carrier:Lost"], "arn:e"),
        ("open", ["Requested"]),
        ("publish", ["Requested"]),
        ("open", ["Requested"]),
    ]


def answered(monkeypatch, answer, requested=()):
    monkeypatch.setattr(tokens, "receive_answer", lambda _key: (answer, list(requested)))
    return ships(task(), None)


def from_carrier(event):
    return encode(event.stamped(Metadata.root(producer="carrier", version=event.contract.version)))


def test_the_answer_goes_on_with_the_flow_as_an_effect_of_the_question(log, monkeypatch):
    question = encode(Requested(callback_id="cb-1").stamped(CAUSE.causes(producer="ships", position=0)))
    flow = answered(monkeypatch, from_carrier(Shipped(number=7)), [question])
    answer = decode(flow["events"][-1], Shipped)
    assert [envelope["detail-type"] for envelope in flow["events"]] == ["Ordered", "Requested", "Shipped"]
    assert (flow["refused"], flow["steps"], answer.number) == (False, 3, 7)
    assert (answer.metadata.causation_id, answer.metadata.correlation_id, answer.metadata.producer) == (
        question["detail"]["metadata"]["event_id"],
        "c",
        "test.carrier",
    )
    assert (answer.metadata.version, answer.metadata.hops) == (2, 2)
    assert log == [("publish", ["Shipped"])]


def test_the_answer_to_a_step_that_published_nothing_is_an_effect_of_its_event(log, monkeypatch):
    flow = answered(monkeypatch, from_carrier(Lost()))
    assert flow["events"][-1]["detail"]["metadata"]["causation_id"] == "order-1"
    assert flow["refused"] is True


def test_an_answer_is_published_once(log, monkeypatch):
    first, second = (answered(monkeypatch, from_carrier(Shipped(number=1))) for _ in range(2))
    assert first == second
    assert log == [("publish", ["Shipped"])]


def test_an_answer_of_another_type_fails(log, monkeypatch):
    with pytest.raises(UnexpectedEventError) as caught:
        answered(monkeypatch, ORDERED)
    assert str(caught.value).startswith("ships waits for Shipped, Lost, but received 'Ordered' from 'test.sho")


# -- flows -------------------------------------------------------------------------------------------------------------


keys = []


@step
def lists(orders: list[Ordered]) -> Requested:
    keys[:] = [order.metadata.idempotency_key for order in orders]
    return Requested(callback_id=",".join(str(order.number) for order in orders))


def ordered(number):
    return encode(Ordered(number=number).stamped(CAUSE.model_copy(update={"event_id": f"order-{number}"})))


def test_a_step_takes_all_events_of_a_type_latest_first(log):
    branches = [{"events": [ordered(2)]}, {"events": [ordered(3)]}]
    flow = lists(task(flow={"events": [ordered(1)], "refused": False, "branches": branches}), None)
    assert flow["events"][-1]["detail"]["data"] == {"callback_id": "3,2,1"}
    assert "branches" not in flow


def test_what_a_step_writes_once_another_execution_writes_again(log):
    flow = {"events": [ordered(1)], "refused": False, "steps": 0}
    lists(task(flow=flow), None)
    digest = hashlib.sha256(json.dumps(flow, sort_keys=True).encode()).hexdigest()
    assert keys == [f"order-1 arn:e {digest}"]


def test_what_a_step_appends_is_of_its_execution(log, monkeypatch):
    effects = []
    handlers = importlib.import_module("millrace.runtime.processor")
    monkeypatch.setattr(handlers, "open_store", lambda *given: effects.append(given) or Orders())
    monkeypatch.setenv("MILLRACE_SCOPE", "Shop.Ship ")

    @step
    def handler(order: Ordered, orders: EventStore[Order]) -> None: ...

    flow = {"events": [ordered(1)], "refused": False, "steps": 0}
    handler(task(flow=flow), None)
    ((name, aggregate, effect),) = effects
    digest = hashlib.sha256(json.dumps(flow, sort_keys=True).encode()).hexdigest()
    assert (name, aggregate, effect.cause.event_id, effect.producer) == ("orders", Order, "order-1", "handler")
    assert effect.run == f"Shop.Ship arn:e {digest}"


class Order:
    def apply(self, event: Ordered) -> None: ...


class Orders:
    appended = ()


def test_a_parallel_step_returns_only_its_own_events(log):
    published = lists(task(parallel=True), None)
    assert [envelope["detail-type"] for envelope in published["events"]] == ["Requested"]
    assert published == {"events": published["events"], "refused": False, "steps": 3}


def test_a_failed_step_is_logged_with_its_attempt(log, caplog):
    @step
    def fails(order: Ordered) -> None:
        raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        fails(task(attempt=4), None)
    (record,) = caplog.records
    assert (record.message, record.flow["event"], record.flow["attempt"]) == ("event failed", "Ordered", 5)
    assert record.flow["error"] == {"type": "ValueError", "message": "why"}


def test_a_handled_step_is_logged_with_its_attempt(log, caplog):
    caplog.set_level("INFO")
    lists(task(), None)
    flow = caplog.records[-1].flow
    assert (flow["event"], flow["attempt"], [each["event"] for each in flow["published"]]) == (
        "Ordered",
        1,
        ["Requested"],
    )


# -- starting executions -----------------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch):
    """The executions that were started; the name `taken` exists already."""
    started = []

    class Exists(Exception):
        pass

    def start_execution(**given):
        if given["name"] == "taken":
            raise Exists
        started.append(given)

    machines = SimpleNamespace(
        start_execution=start_execution, exceptions=SimpleNamespace(ExecutionAlreadyExists=Exists)
    )
    monkeypatch.setattr(starter, "client", lambda _: machines)
    monkeypatch.setenv("MILLRACE_TRIGGER", f"{__name__}:Ordered")
    monkeypatch.setenv("MILLRACE_STATE_MACHINE", "arn:machine")
    event_types.cache_clear()
    yield started
    event_types.cache_clear()


def start(event_id, **more):
    metadata = CAUSE.model_copy(update={"event_id": event_id})
    return starter.handler({**encode(Ordered(number=1).stamped(metadata)), "id": "aws", **more}, None)


def test_an_event_starts_one_execution_that_has_its_name(started, caplog):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    caplog.set_level("INFO")
    start("order-1")
    (given,) = started
    assert (given["stateMachineArn"], given["name"]) == ("arn:machine", "order-1")
    assert json.loads(given["input"]) == {"events": [ORDERED], "refused": False}
    assert (caplog.records[-1].message, caplog.records[-1].flow["attempt"]) == ("event handled", 1)


def test_a_duplicate_starts_nothing(started):
    assert start("taken") is None
    assert started == []


@pytest.mark.parametrize("event_id", ["x" * 81, "with space", "ü", "a:b"])
def test_an_id_that_is_no_name_is_hashed(started, event_id):
    start(event_id)
    start("y" * 80)
    assert [given["name"] for given in started] == [hashlib.sha256(event_id.encode()).hexdigest(), "y" * 80]


def test_an_execution_that_does_not_start_is_logged_and_raised(started, monkeypatch, caplog):
    monkeypatch.delenv("MILLRACE_STATE_MACHINE")
    with pytest.raises(LookupError):
        start("order-1")
    (record,) = caplog.records
    assert (record.message, record.flow["event_id"], record.flow["attempt"]) == ("event failed", "order-1", 1)
    assert record.flow["error"] == {
        "type": "LookupError",
        "message": "MILLRACE_STATE_MACHINE is not set: the construct of the function sets it.",
    }


def test_the_input_of_an_execution_is_readable(started):
    start("order-1", source="test.shop")
    assert "\\u" not in started[0]["input"]
