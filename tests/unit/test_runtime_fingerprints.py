"""Two events under one idempotency key: equal ones are duplicates, another one goes to quarantine."""

import hashlib
import json
import time

import boto3
import pytest

from millrace.events import Event, Metadata, encode
from millrace.runtime import processor
from millrace.runtime.dynamodb_records import DynamoDBRecords
from millrace.runtime.fingerprints import fingerprint, matches
from millrace.runtime.records import PayloadMismatchError, Result

KEY = ("test.till", "Paid", "order-1")


class Paid(Event, source="test.till"):
    order_id: str
    cents: int
    tip: int = 0
    coupons: frozenset[str] = frozenset()


def paid(cents=100, order_id="order-1", **metadata):
    return Paid(order_id=order_id, cents=cents).stamped(Metadata.root(producer="test").model_copy(update=metadata))


@pytest.fixture
def handled():
    return []


@pytest.fixture
def pay(handled):
    """Deliver events to a handler, one at a time."""

    @processor(once_per="order_id")
    def handler(event: Paid) -> None:
        handled.append(event.cents)

    return lambda *events: [handler.handle([encode(event)], 1) for event in events]


@pytest.fixture
def pay_together(handled):
    """Deliver events to a handler of lists, in one batch."""

    @processor(once_per="order_id")
    def handler(events: list[Paid]) -> None:
        handled.extend(event.cents for event in events)

    return lambda *events: handler.handle([encode(event) for event in events], 1)


@pytest.fixture
def quarantine(quarantined):
    """The messages that are sent to quarantine."""
    return quarantined


def quarantined(quarantine):
    """The data of the events that are in quarantine, with the reason of each."""
    return [
        (
            json.loads(sent["MessageBody"])["detail"]["data"]["cents"],
            sent["MessageAttributes"]["ERROR_CODE"]["StringValue"],
        )
        for sent in quarantine
    ]


def test_another_event_under_a_known_key_goes_to_quarantine_with_the_reason(pay, handled, quarantine):
    pay(paid(100), paid(999))
    assert (handled, quarantined(quarantine)) == ([100], [(999, "PayloadMismatchError")])
    message = quarantine[0]["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert "same order_id and other data was handled before" in message
    assert "order-1" not in message  # a key may be sensitive


def test_the_key_of_a_producer_is_checked_as_a_field_is(handled, quarantine):
    @processor
    def handler(event: Paid) -> None:
        handled.append(event.cents)

    for cents in (100, 999):
        handler.handle([encode(paid(cents, idempotency_key="key-1"))], 1)
    assert (handled, quarantined(quarantine)) == ([100], [(999, "PayloadMismatchError")])


def test_an_event_with_the_same_data_and_another_id_is_a_duplicate(pay, handled, quarantine):
    pay(paid(100), paid(100))
    assert (handled, quarantine) == ([100], [])


def test_a_redelivery_whose_data_is_read_differently_after_a_deployment_is_a_duplicate(pay, handled, quarantine):
    metadata = Metadata.root(producer="test").model_dump()
    pay(paid(100, **metadata), paid(101, **metadata))
    assert (handled, quarantine) == ([100], [])


def test_of_a_list_the_first_event_of_each_key_is_handled_and_other_data_goes_to_quarantine(
    pay_together, handled, quarantine
):
    pay_together(paid(100), paid(100), paid(999), paid(7, order_id="order-2"))
    assert (handled, quarantined(quarantine)) == ([100, 7], [(999, "PayloadMismatchError")])


def test_in_a_list_a_duplicate_behind_another_event_of_its_key_stays_a_duplicate(pay_together, handled, quarantine):
    pay_together(paid(100))
    pay_together(paid(999), paid(100), paid(7, order_id="order-2"))
    assert (handled, quarantined(quarantine)) == ([100, 7], [(999, "PayloadMismatchError")])


def test_a_repeatable_handler_takes_every_event_of_a_key(handled, quarantine):
    @processor(repeatable="it only counts")
    def handler(events: list[Paid]) -> None:
        handled.extend(event.cents for event in events)

    handler.handle([encode(paid(cents, idempotency_key="key-1")) for cents in (100, 999)], 1)
    assert (handled, quarantine) == ([100, 999], [])


# -- records -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(marks):
    client = boto3.client("dynamodb", region_name="eu-central-2")
    return DynamoDBRecords(table=marks.name, scope="Shop/Pay", seconds=60, client=client)


def known(cents=100):
    return fingerprint(paid(cents, idempotency_key="order-1"), KEY)


@pytest.mark.parametrize("completed", [False, True])
def test_a_record_is_not_given_to_an_event_with_other_data(stored, completed):
    stored.begin(KEY, 60_000, known())
    if completed:
        stored.save([KEY], Result([], published=True))
    with pytest.raises(PayloadMismatchError) as mismatch:
        stored.begin(KEY, 60_000, known(999))
    assert matches(mismatch.value.fingerprint, known())


def test_a_record_holds_hashes_and_no_data(stored, marks):
    stored.begin(KEY, 60_000, known(123_456))
    (item,) = marks.scan()["Items"]
    assert [len(digest) for digest in item["validation"].split()] == [64, 64]
    assert "123456" not in repr(item)


def test_a_record_of_an_earlier_version_has_no_fingerprint_and_counts(stored, marks):
    digest = hashlib.sha256(json.dumps({"key": list(KEY)}).encode()).hexdigest()
    data = json.dumps({"published": True, "events": []})
    old = {"id": f"Shop/Pay#{digest}", "expiration": int(time.time()) + 60, "status": "COMPLETED", "data": data}
    marks.put_item(Item=old)
    assert stored.begin(KEY, 60_000, known()) == Result([], published=True)


# -- fingerprints ------------------------------------------------------------------------------------------------------


def test_an_event_that_is_known_by_its_own_id_has_no_fingerprint():
    assert fingerprint(paid(), KEY) == ""


def test_the_same_data_has_another_hash_under_another_key():
    event = paid(idempotency_key="order-1")
    assert not matches(fingerprint(event, KEY), fingerprint(event, (*KEY[:2], "order-2")))


def test_a_field_with_its_default_and_the_order_of_a_set_do_not_count():
    def of(**data):
        return fingerprint(Paid(**data).stamped(paid(idempotency_key="order-1").metadata), KEY).split()[1]

    plain = {"order_id": "order-1", "cents": 100}
    assert of(**plain) == of(**plain, tip=0)
    sets = [frozenset(order) for order in (("a", "b", "c", "ii"), ("ii", "c", "b", "a"))]
    assert of(**plain, coupons=sets[0]) == of(**plain, coupons=sets[1])
    assert of(**plain) != of(**plain, tip=1)
