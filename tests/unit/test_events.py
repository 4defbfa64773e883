"""Events: metadata, ids, contracts, versions, envelopes and the catalog."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import Field

from millrace.events import (
    Catalog,
    ContractError,
    DuplicateEventError,
    Event,
    Metadata,
    UnknownEventError,
    UnknownVersionError,
    decode,
    encode,
    new_event_id,
    put_entry,
)
from millrace.events.ids import effect_id


class Poured(Event, source="tea.kitchen"):
    cup: str
    millilitres: int = Field(gt=0)


class Brewed(Event, source="tea.kitchen", version=3):
    leaves: str
    minutes: int


@Brewed.upcaster(from_version=1)
def _leaves_were_called_tea(data):
    return {"leaves": data["tea"], "seconds": data["seconds"]}


@Brewed.upcaster(from_version=2)
def _minutes_were_seconds(data):
    return {"leaves": data["leaves"], "minutes": data["seconds"] // 60}


def envelope(event, data, version=1):
    metadata = Metadata.root(producer="test", version=version).model_dump(mode="json")
    names = {"source": event.contract.source, "detail-type": event.contract.detail_type}
    return {**names, "detail": {"metadata": metadata, "data": data}}


def test_event_ids_sort_in_the_order_of_creation():
    ids = [new_event_id() for _ in range(10_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_event_ids_sort_when_the_clock_steps_back(monkeypatch):
    first = new_event_id()
    monkeypatch.setattr("time.time_ns", lambda: 0)
    assert new_event_id() > first


def test_first_event_of_a_flow_is_its_own_correlation():
    root = Metadata.root(producer="p")
    assert root.correlation_id == root.event_id
    assert (root.causation_id, root.hops) == (None, 0)


def test_effect_keeps_the_correlation_and_names_its_cause():
    root = Metadata.root(producer="p")
    effect = root.causes(producer="q", position=0).causes(producer="r", position=0)
    assert effect.correlation_id == root.correlation_id
    assert effect.causation_id not in (root.event_id, effect.event_id)
    assert effect.hops == 2


def test_republished_effect_has_the_same_id():
    cause = Metadata.root(producer="p")
    published = [cause.causes(producer="q", position=0).event_id for _ in range(2)]
    assert published[0] == published[1]
    assert cause.causes(producer="r", position=0).event_id not in published
    assert cause.causes(producer="q", position=0, run="again").event_id not in published


@pytest.mark.parametrize(
    ("cause", "producer", "position", "event_id"),
    [
        ("018f3f66-8000-7000-8000-000000000000", "q", 0, "018f3f66-8000-7001-8ffd-aa20cac9ccb5"),
        ("018f3f66-8000-7000-8000-000000000000", "q", 1, "018f3f66-8000-7002-b606-de4ae9f9125e"),
        ("order-1", "q", 0, "018f3e53-5600-7001-a6e0-735a8e718f92"),
    ],
)
def test_the_id_of_an_effect_is_the_same_in_every_process(cause, producer, position, event_id):
    """A handler that is `repeatable` stores nothing: its consumers recognize a repeated event by the id alone."""
    moment = datetime(2024, 5, 3, 12, tzinfo=UTC)
    assert effect_id(cause, moment, producer, position) == event_id


def effects(cause):
    root = Metadata.root(producer="p").model_copy(update={"event_id": cause})
    return [root.causes(producer="q", position=position).event_id for position in range(20)]


@pytest.mark.parametrize("cause", ["018f3f66-8000-7000-8000-000000000000", "order-1"])
def test_effects_sort_by_position(cause):
    published = effects(cause)
    assert published == sorted(set(published))


def test_effects_sort_after_their_cause():
    cause = new_event_id()
    assert min(effects(cause)) > cause


def test_largest_id_can_be_a_cause():
    assert len(set(effects("ffffffff-ffff-7fff-bfff-ffffffffffff"))) == 20


def test_encoded_event_decodes_to_the_same_event():
    poured = Poured(cup="blue", millilitres=200).stamped(Metadata.root(producer="p"))
    back = decode(json.loads(json.dumps(encode(poured))), Poured)
    assert back == poured
    assert back.metadata == poured.metadata


def test_entry_has_the_names_of_the_contract():
    entry = put_entry(encode(Poured(cup="blue", millilitres=1).stamped(Metadata.root(producer="p"))), "bus")
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == ("tea.kitchen", "Poured", "bus")
    assert json.loads(entry["Detail"])["data"] == {"cup": "blue", "millilitres": 1}


def test_event_is_immutable():
    with pytest.raises(ValueError, match="frozen"):
        Poured(cup="blue", millilitres=1).cup = "red"


def test_events_are_equal_by_their_data():
    first = Poured(cup="blue", millilitres=1)
    assert first == first.stamped(Metadata.root(producer="p"))
    assert first != Poured(cup="red", millilitres=1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"cup": "blue", "millilitres": -3}, "Poured.millilitres = -3: Input should be greater than 0"),
        ({"cup": "blue", "millilitres": "many"}, "Poured.millilitres = 'many'"),
        ({"millilitres": 1}, "Poured.cup"),
        ({"cup": 1.5, "millilitres": 1}, "Poured.cup = 1.5"),
    ],
)
def test_contract_error_names_event_field_and_value(data, message):
    with pytest.raises(ContractError) as caught:
        decode(envelope(Poured, data), Poured)
    assert message in str(caught.value)


def test_reader_ignores_unknown_fields():
    assert decode(envelope(Poured, {"cup": "blue", "millilitres": 1, "saucer": True}), Poured).cup == "blue"


def test_unvalidated_event_cannot_be_encoded():
    forged = Poured.model_construct(cup="blue", millilitres=-1).stamped(Metadata.root(producer="p"))
    with pytest.raises(ContractError, match=r"Poured.millilitres = -1"):
        encode(forged)


EARLY = {"event_id": "e", "correlation_id": "c", "producer": "p", "occurred_at": "0001-01-01T00:00:00+14:00"}


@pytest.mark.parametrize(
    "detail",
    [None, [], {}, {"data": 1}, {"data": {}}, {"data": {}, "metadata": {"hops": "x"}}, {"data": {}, "metadata": EARLY}],
)
def test_malformed_detail_raises(detail):
    with pytest.raises(ContractError, match="Poured"):
        decode({"source": "tea.kitchen", "detail-type": "Poured", "detail": detail}, Poured)


@pytest.mark.parametrize(
    ("version", "data"),
    [
        (1, {"tea": "assam", "seconds": 180}),
        (2, {"leaves": "assam", "seconds": 180}),
        (3, {"leaves": "assam", "minutes": 3}),
    ],
)
def test_every_version_is_converted_to_the_newest(version, data):
    brewed = decode(envelope(Brewed, data, version), Brewed)
    assert brewed == Brewed(leaves="assam", minutes=3)
    assert brewed.metadata.version == 3


def test_newer_version_raises():
    with pytest.raises(UnknownVersionError, match="deploy the consumers"):
        decode(envelope(Brewed, {}, version=4), Brewed)


def test_missing_upcaster_raises():
    class Steeped(Event, source="tea.kitchen", version=2):
        cup: str

    with pytest.raises(UnknownVersionError, match=r"@Steeped.upcaster\(from_version=1\)"):
        decode(envelope(Steeped, {}), Steeped)


@pytest.mark.parametrize("source", ["kitchen", "Tea.Kitchen", "aws.tea", "tea."])
def test_invalid_source_raises(source):
    with pytest.raises(TypeError, match=r"<system>\.<context>"):
        type("Spilt", (Event,), {"__module__": __name__}, source=source)


def test_two_classes_with_one_name_raise():
    other = type("Poured", (Event,), {"__module__": __name__}, source="tea.kitchen")
    with pytest.raises(DuplicateEventError, match=r"both define tea\.kitchen:Poured"):
        Catalog([Poured, other])


def test_ambiguous_name_needs_its_source():
    other = type("Poured", (Event,), {"__module__": __name__}, source="tea.garden")
    catalog = Catalog([Poured, other])
    assert catalog.named("tea.garden:Poured") is other
    with pytest.raises(UnknownEventError, match="ambiguous"):
        catalog.named("Poured")


def test_unknown_event_raises_with_the_known_ones():
    with pytest.raises(UnknownEventError, match="Brewed, Poured"):
        Catalog([Poured, Brewed]).named("Drunk")


def test_contract_declares_external_and_terminal_events():
    class Delivered(Event, source="tea.shop", external=True): ...

    class Drunk(Event, source="tea.table", terminal="the cup is empty"): ...

    assert Delivered.contract.external
    assert Drunk.contract.terminal == "the cup is empty"
    assert not Poured.contract.external


def test_a_missing_field_is_reported_without_the_other_values():
    class Weighed(Event, source="test.scale"):
        grams: int
        name: str

    with pytest.raises(ContractError) as caught:
        Weighed.read({"name": "tea"})
    assert str(caught.value) == "Weighed.grams is missing. Send data that matches the contract of Weighed."
