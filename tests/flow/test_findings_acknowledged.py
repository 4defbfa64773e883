"""Findings that are to stand: one at a time, at an event or at a construct."""

import pytest

from millrace.events import Event
from millrace.flow.assembly import Place
from millrace.flow.checking import Acknowledgement
from millrace.flow.findings import Finding

KNOWN = Acknowledgement("cycle", "Shop/A", "It ends.", Place("infra/a.py", 1))


@pytest.mark.parametrize(("subject", "covered"), [("Shop/A", True), ("Shop/A/Queue", True), ("Shop/Ab", False)])
def test_an_acknowledgement_covers_its_construct_and_what_is_in_it(subject, covered):
    assert KNOWN.covers(Finding(subject, "", "", check="cycle")) is covered


def test_it_covers_no_other_check():
    assert not KNOWN.covers(Finding("Shop/A", "", "", check="short-visibility"))


def test_an_event_acknowledges_by_its_class():
    class Rung(Event, source="test.bell"):
        pass

    Rung.acknowledge("Nobody is at home.", "unconsumed-event")
    assert Rung.contract.acknowledged == {"unconsumed-event": "Nobody is at home."}


def test_an_event_is_ordered_by_one_of_its_fields():
    with pytest.raises(TypeError, match="Rung is ordered by 'bell', which is no field of it: name one that is"):

        class Rung(Event, source="test.bell", order_by="bell"):
            pass
