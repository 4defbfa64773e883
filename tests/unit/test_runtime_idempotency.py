"""What is handled once: by which key, across duplicates and crashes, in records of DynamoDB."""

import boto3
import pytest

from millrace.events import Event, Metadata
from millrace.runtime import Declaration, InProgressError, SignatureError, processor, step, update_once
from millrace.runtime.dynamodb_records import MOST_BYTES, DynamoDBRecords
from millrace.runtime.idempotency import Once
from millrace.runtime.records import Result

KEY = ("test", "Poured", "event-1")


class Poured(Event, source="test.kitchen"):
    cup: str


class Drunk(Event, source="test.kitchen"):
    cup: str


def poured(cup="blue"):
    return Poured(cup=cup).stamped(Metadata.root(producer="test"))


@pytest.fixture
def kept(marks):
    """Records in a table, which a second function shares under another name."""
    client = boto3.client("dynamodb", region_name="eu-central-2")
    return lambda scope="Shop/Pour": DynamoDBRecords(table=marks.name, scope=scope, seconds=60, client=client)


# -- records -----------------------------------------------------------------------------------------------------------


def test_handled_event_has_its_result(kept):
    assert kept().begin(KEY, 60_000) is None
    kept().save([KEY], Result([{"source": "a"}], published=True))
    assert kept().begin(KEY, 1000) == Result([{"source": "a"}], published=True)


def test_unpublished_result_is_locked_until_the_timeout_of_its_delivery(kept):
    for milliseconds in (0, 60_000):
        key = (*KEY, str(milliseconds))
        kept().begin(key, milliseconds)
        kept().save([key], Result([{"source": "a"}], published=False))
    assert kept().begin((*KEY, "0"), 1000) == Result([{"source": "a"}], published=False)
    with pytest.raises(InProgressError):
        kept().begin((*KEY, "60000"), 1000)


def test_event_that_another_delivery_handles_is_in_progress(kept):
    kept().begin(KEY, 60_000)
    with pytest.raises(InProgressError, match="retried after the timeout of the other one"):
        kept().begin(KEY, 60_000)


def test_an_event_whose_handler_was_killed_is_free_when_its_time_is_over(kept):
    kept().begin(KEY, -1000)
    assert kept().begin(KEY, 1000) is None


def test_an_event_that_failed_is_free_at_once(kept):
    kept().begin(KEY, 60_000)
    kept().release(KEY, ValueError())
    assert kept().begin(KEY, 1000) is None


def test_functions_share_a_table_and_no_records(kept):
    kept().begin(KEY, 60_000)
    assert kept("Shop/Drink").begin(KEY, 1000) is None


def test_events_that_are_handled_together_are_done_together(kept):
    keys = [("test", "Poured", f"event-{number}") for number in range(120)]
    for key in keys:
        kept().begin(key, 0)
    kept().save(keys, Result([{"source": "a"}], published=False))
    answers = [kept().begin(key, 1000) for key in keys]
    assert answers[0] == Result([{"source": "a"}], published=False)
    assert answers[1:] == [Result([], published=True)] * 119


def test_result_can_be_larger_than_an_item(kept):
    long = Result([{"source": "é" * MOST_BYTES}, {"source": "b"}], published=False)
    kept().begin(KEY, 0)
    kept().save([KEY], long)
    assert kept().begin(KEY, 1000) == long


# -- once --------------------------------------------------------------------------------------------------------------


def test_stored_result_is_published_by_the_next_delivery(records):
    records.results[KEY] = Result([{"source": "a"}], published=False)
    sent = []
    published = Once(sent.extend).do([KEY], 0, lambda _: pytest.fail("it ran twice"))
    assert published == sent == [{"source": "a"}]
    assert records.results[KEY] == Result([], published=True)


def test_of_a_list_just_the_new_are_handled(records):
    records.results[KEY] = Result([], published=True)
    new = ("test", "Poured", "event-2")
    seen = []
    Once(lambda _: None).do([KEY, new], 0, lambda keys: seen.extend(keys) or [])
    assert seen == [new]


def test_a_list_with_an_event_that_another_delivery_handles_lets_go_of_the_rest(records):
    records.results[KEY] = None
    new = ("test", "Poured", "event-2")
    with pytest.raises(InProgressError):
        Once(lambda _: None).do([new, KEY], 0, lambda _: [])
    assert list(records.results) == [KEY]


def test_result_that_could_not_be_published_stays_unpublished(records):
    def refuse(_):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        Once(refuse).do([KEY], 0, lambda _: [{"source": "a"}])
    assert records.results[KEY] == Result([{"source": "a"}], published=False)


# -- declarations ------------------------------------------------------------------------------------------------------


def test_once_per_names_a_field_of_every_event():
    def handler(event: Poured) -> None: ...

    assert Declaration.of(handler, once_per="cup").once_per == "cup"
    with pytest.raises(SignatureError, match="once_per='saucer', but Poured has no such field, only cup"):
        Declaration.of(handler, once_per="saucer")


def test_repeatable_has_a_reason():
    with pytest.raises(SignatureError, match="repeatable='why it is safe to run twice'"):

        @step(repeatable=" ")
        def handler(event: Poured) -> None: ...


def test_a_business_key_goes_before_the_events_id(records):
    @processor(once_per="cup")
    def handler(event: Poured) -> None: ...

    for event in (poured("red"), poured("red"), poured("blue")):
        handler.handle([envelope(event)], 1)
    assert [key[2] for key in records.results] == ["red", "blue"]


def envelope(event):
    from millrace.events import encode

    return encode(event)


def test_an_outside_producers_own_key_goes_before_the_events_id(records):
    @processor
    def handler(event: Poured) -> None: ...

    known = poured().metadata.model_copy(update={"idempotency_key": "order-7"})
    handler.handle([envelope(poured().stamped(known))], 1)
    assert [key[2] for key in records.results] == ["order-7"]


def test_a_repeatable_handler_keeps_no_record(records):
    @processor(repeatable="it writes nothing")
    def handler(event: Poured) -> None: ...

    handler.handle([envelope(poured())], 1)
    assert records.results == {}


# -- effects -----------------------------------------------------------------------------------------------------------


def add(table, event, **more):
    values = {":one": 1, **more.pop("values", {})}
    expression = {"UpdateExpression": "ADD drunk :one", "ExpressionAttributeValues": values}
    return update_once(table, event, Key={"cup": event.cup}, **expression, **more)


def test_an_update_is_made_once_for_an_event(marks, table):
    cups, event = table("cup"), poured()
    add(cups, event)
    assert add(cups, event)["drunk"] == 1
    assert add(cups, poured())["drunk"] == 2


def test_update_of_an_item_that_was_deleted_since_gives_its_key_and_is_not_repeated(marks, table):
    cups, event = table("cup"), poured()
    add(cups, event)
    cups.delete_item(Key={"cup": "blue"})
    assert add(cups, event) == {"cup": "blue"}
    assert cups.scan()["Items"] == []


def test_an_update_whose_own_condition_does_not_hold_gives_none_and_may_hold_later(marks, table):
    cups, event = table("cup"), poured()
    condition = {"ConditionExpression": "poured = :yes", "values": {":yes": True}}
    assert add(cups, event, **condition) is None
    cups.put_item(Item={"cup": "blue", "poured": True})
    assert add(cups, event, **condition)["drunk"] == 1


def test_a_mark_goes_when_its_window_is_over(marks, table):
    add(table("cup"), poured())
    assert set(marks.scan()["Items"][0]) == {"id", "expiration"}
