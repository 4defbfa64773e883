"""Parallel steps of a mediator: fork and broadcast."""

import re

import pytest

from millrace.constructs import FlowError, Mediator, broadcast, fork


def test_step_after_a_fork_may_not_need_events_of_one_branch(stack, bus, table):
    message = "the step complete_order takes shipment: ShipmentArranged, but no earlier step publishes it"
    steps = [fork("arrange_shipping", "reserve_stock"), "complete_order"]
    with pytest.raises(FlowError, match=re.escape(message)):
        Mediator(stack, "M", bus=bus, steps=steps, tables={"stock": table})


def test_step_after_a_broadcast_receives_the_events_of_all_branches(stack, bus, table, synthesised):
    steps = [broadcast("arrange_shipping", "reserve_stock"), "complete_order"]
    Mediator(stack, "M", bus=bus, steps=steps, tables={"stock": table})
    states = synthesised().machine()["States"]
    assert states["arrange_shipping and reserve_stock"]["Next"] == "complete_order"
    assert "Catch" not in states["arrange_shipping and reserve_stock"]


def test_failed_fork_fails_in_a_choice_state_that_a_redrive_evaluates_again(stack, bus, table, synthesised):
    Mediator(stack, "M", bus=bus, steps=[fork("arrange_shipping", "reserve_stock")], tables={"stock": table})
    states = synthesised().machine()["States"]
    start, failed = states["start arrange_shipping or reserve_stock"], "arrange_shipping or reserve_stock: all failed"
    assert (start["InputPath"], start["ResultPath"]) == ("$$.Execution.RedriveCount", "$.redrive_count")
    assert states["arrange_shipping or reserve_stock"]["Next"] == failed
    redriven = {"Variable": "$$.Execution.RedriveCount", "NumericGreaterThanPath": "$.redrive_count"}
    assert states[failed] == {
        "Type": "Choice",
        "Choices": [{**redriven, "Next": "start arrange_shipping or reserve_stock"}],
    }
