"""Acknowledged findings of constructs and events."""

import pytest

from millrace.events import Event
from millrace.flow.assembly import SourceLocation
from millrace.flow.checking import Acknowledgement
from millrace.flow.findings import Finding

KNOWN = Acknowledgement("cycle", "Shop/A", "It ends.", SourceLocation("infra/a.py", 1))


@pytest.mark.parametrize(("subject", "covered"), [("Shop/A", True), ("Shop/A/Queue", True), ("Shop/Ab", False)])
def test_acknowledgement_covers_its_construct_and_children(subject, covered):
    assert KNOWN.covers(Finding(subject, "", "", check="cycle")) is covered


def test_acknowledgement_covers_no_other_check():
    assert not KNOWN.covers(Finding("Shop/A", "", "", check="short-visibility"))


def test_acknowledgement_at_a_stack_covers_the_stack_alone():
    known = Acknowledgement("stack-quotas", "Shop", "It has one stack.", None, of_stack=True)
    covered = [known.covers(Finding(subject, "", "", check="stack-quotas")) for subject in ("Shop", "Shop/A")]
    assert covered == [True, False]


def test_event_class_acknowledges_findings():
    class Rung(Event, source="test.bell"):
        pass

    Rung.acknowledge("No consumer yet.", "unconsumed-event")
    assert Rung.contract.acknowledged == {"unconsumed-event": "No consumer yet."}


def test_order_by_must_be_a_field():
    with pytest.raises(TypeError, match="Rung has no field 'bell': name one of its fields in order_by"):

        class Rung(Event, source="test.bell", order_by="bell"):
            pass
