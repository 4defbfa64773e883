"""Events that no retry can fix are quarantined with the reason, and reach no handler."""

import json
from types import SimpleNamespace

import pytest

from millrace.events import Event, Metadata, encode
from millrace.runtime import processor, starter


class Poured(Event, source="test.kitchen", version=2):
    cup: str


@Poured.upcaster(from_version=1)
def _(data):
    return {"cup": data["colour"]}


@pytest.fixture
def handled():
    return []


@pytest.fixture
def pour(handled):
    @processor
    def handler(event: Poured) -> None:
        handled.append(event)

    return lambda envelope: handler.handle([envelope], 1)


def poured(**metadata):
    known = Metadata.root(producer="test", version=2).model_copy(update=metadata)
    return encode(Poured(cup="blue").stamped(known))


def changed(**detail):
    envelope = poured()
    return {**envelope, "detail": {**envelope["detail"], **detail}}


def reason(message):
    return message["MessageAttributes"]["ERROR_CODE"]["StringValue"]


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (changed(data={"cup": 1}), "ContractError"),
        (changed(metadata={"event_id": "e"}), "ContractError"),
        (changed(metadata=poured(version=3)["detail"]["metadata"]), "UnknownVersionError"),
        (changed(metadata=poured(version=1)["detail"]["metadata"]), "ContractError"),  # its upcaster finds no colour
        ({**poured(), "detail-type": "Spilt"}, "UnexpectedEventError"),
        ({**poured(), "source": "test.bathroom"}, "UnexpectedEventError"),
        ({**poured(), "detail": "blue"}, "ContractError"),
        ({}, "UnexpectedEventError"),
        ("no event", "ContractError"),
        ([1, 2], "ContractError"),
    ],
)
def test_payload_that_is_not_an_event_is_quarantined_unchanged(pour, handled, quarantined, envelope, code):
    pour(envelope)
    (message,) = quarantined
    assert (message["QueueUrl"], reason(message)) == ("quarantine", code)
    assert message["MessageBody"] == envelope or json.loads(message["MessageBody"]) == envelope
    assert handled == []


@pytest.mark.parametrize(("hops", "left"), [(2, 0), (3, 1)])
def test_event_beyond_the_hop_limit_is_quarantined(pour, quarantined, hops, left):
    pour(poured(hops=hops))
    assert len(quarantined) == left


def test_dead_letter_of_a_cycle_contains_the_path(pour, quarantined):
    cause = Metadata.root(producer="till", version=2)
    for producer in ("waiter", "kitchen", "waiter"):
        cause = cause.causes(producer=producer, position=0, version=2)
    pour(encode(Poured(cup="blue").stamped(cause)))
    (message,) = quarantined
    assert message["QueueUrl"] == "dead-letters"
    assert "till → waiter → kitchen → waiter" in message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]


def test_path_of_an_event_is_truncated():
    cause = Metadata.root(producer="0")
    for number in range(1, 100):
        cause = cause.causes(producer=str(number), position=0)
    assert cause.hops == 99
    assert cause.producers == [str(number) for number in range(83, 100)]


def test_without_a_quarantine_queue_the_event_fails(pour, monkeypatch):
    monkeypatch.delenv("MILLRACE_QUARANTINE", raising=False)
    with pytest.raises(LookupError, match="MILLRACE_QUARANTINE is not set"):
        pour("no event")


def test_what_a_message_may_not_hold_is_written_as_ascii(pour, quarantined):
    pour({"detail": "\ud800\uffff"})
    assert quarantined[0]["MessageBody"].isascii()


def test_a_mediator_quarantines_an_event_that_cannot_start_it(monkeypatch, quarantined):
    monkeypatch.setattr(starter, "_trigger", lambda: Poured)
    assert starter.handler(changed(data={}), None) is None
    assert reason(quarantined[0]) == "ContractError"


def test_an_event_with_any_id_names_an_execution(monkeypatch):
    started = []
    machines = SimpleNamespace(
        start_execution=lambda **given: started.append(given["name"]),
        exceptions=SimpleNamespace(ExecutionAlreadyExists=KeyError),
    )
    monkeypatch.setattr(starter, "client", lambda _: machines)
    monkeypatch.setattr(starter, "_trigger", lambda: Poured)
    monkeypatch.setenv("MILLRACE_STATE_MACHINE", "arn")
    starter.handler(poured(event_id="order/7 of today"), None)
    assert started[0].isalnum()


@pytest.mark.parametrize(
    "payload",
    [None, 7, "Poured", [], [poured()], {}, {"Records": []}, {"Records": 1}, {"Records": [{"kinesis": {"data": "?"}}]}],
)
@pytest.mark.parametrize("kind", ["processor", "starter"])
def test_invalid_payload_reaches_no_handler(monkeypatch, handled, quarantined, payload, kind):
    monkeypatch.setattr(starter, "_trigger", lambda: Poured)

    @processor
    def handler(event: Poured) -> None:
        handled.append(event)

    called = handler if kind == "processor" else starter.handler
    called(payload, SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 1000))
    assert (handled, len(quarantined)) == ([], 1)


def attributes(message):
    return {name: (each["DataType"], each["StringValue"]) for name, each in message["MessageAttributes"].items()}


def test_a_quarantined_event_names_its_error_consumer_and_bus(pour, quarantined, monkeypatch, caplog):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "pour")
    monkeypatch.setenv("MILLRACE_BUS", "shop")
    pour({**poured(), "detail-type": "Spilt"})
    assert attributes(quarantined[0]) == {
        "ERROR_CODE": ("String", "UnexpectedEventError"),
        "ERROR_MESSAGE": (
            "String",
            "handler takes Poured, but received 'Spilt' from 'test.kitchen': check the rules that target it.",
        ),
        "CONSUMER": ("String", "pour"),
        "EVENT_BUS": ("String", "shop"),
    }
    assert [(record.message, record.flow["attempt"]) for record in caplog.records] == [("event quarantined", 1)]


def test_a_message_attribute_is_never_empty(pour, quarantined, monkeypatch):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageAttributeValue.html"""
    for name in ("POWERTOOLS_SERVICE_NAME", "MILLRACE_BUS"):
        monkeypatch.delenv(name, raising=False)
    pour("no event")
    assert attributes(quarantined[0]).keys() == {"ERROR_CODE", "ERROR_MESSAGE"}
    assert attributes(quarantined[0])["ERROR_MESSAGE"][1].startswith(
        "envelope.body = 'str of 8': should be an event, as EventBridge delivers it."
    )


def test_a_reason_has_at_most_1000_printable_characters(pour, quarantined):
    pour({**poured(), "source": "a" * 2000})
    pour({**poured(), "detail-type": "a\nb\u00e9"})
    first, second = (attributes(message)["ERROR_MESSAGE"][1] for message in quarantined)
    assert len(first) == 1000
    assert "'a\\nb\u00e9' from 'test.kitchen'" in second


def test_a_reason_is_one_line(pour, quarantined):
    pour(changed(data={"cup": ["x\ty"]}))
    assert attributes(quarantined[0])["ERROR_MESSAGE"][1].isprintable()


@pytest.mark.parametrize(
    ("envelope", "body"),
    [
        ("text", "text"),
        ("", '""'),
        ({"a": "\u00e9"}, '{"a": "\u00e9"}'),
        ({"a": "\ufffe"}, '{"a": "\\ufffe"}'),
        (None, "null"),
    ],
)
def test_a_quarantined_message_has_the_event_itself(pour, quarantined, envelope, body):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
    pour(envelope)
    assert quarantined[0]["MessageBody"] == body


def test_an_event_with_too_many_causes_names_its_path_and_the_limit(pour, quarantined):
    pour(poured(hops=3, path="till → waiter", producer="kitchen"))
    pour(poured(hops=9, path="till → waiter", producer="kitchen"))
    first, second = (attributes(message)["ERROR_MESSAGE"][1] for message in quarantined)
    assert first == (
        "Poured has 3 hops, and the limit is 2. Its path is … → till → waiter → kitchen: break the cycle, "
        "or allow it with allow_cycle(max_hops=…)."
    )
    assert second.startswith("Poured has 9 hops, and the limit is 2. Its path is … → till")
    assert attributes(quarantined[0])["ERROR_CODE"][1] == "HopLimitError"


def test_a_path_that_is_whole_has_no_ellipsis(pour, quarantined, monkeypatch):
    monkeypatch.setenv("MILLRACE_MAX_HOPS", "1")
    pour(poured(hops=2, path="till → waiter", producer="kitchen"))
    assert "Its path is till → waiter → kitchen:" in attributes(quarantined[0])["ERROR_MESSAGE"][1]


def test_without_a_limit_no_event_has_too_many_causes(pour, quarantined, handled, monkeypatch):
    monkeypatch.delenv("MILLRACE_MAX_HOPS")
    pour(poured(hops=1000))
    assert (quarantined, len(handled)) == ([], 1)
