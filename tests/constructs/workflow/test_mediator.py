"""Mediators and sagas: validation, states, and failed executions."""

import re

import pytest

from millrace.constructs import FlowError, Mediator, Saga, SagaStep


def raises(message):
    return pytest.raises(FlowError, match=re.escape(message))


def saga(stack, bus, *steps, completed="complete_order", rejected="reject_order"):
    return Saga(stack, "S", bus=bus, steps=steps, completed=completed, rejected=rejected)


def test_step_that_takes_an_unpublished_event_raises(stack, bus, table):
    with raises("the step complete_order takes shipment: ShipmentArranged, but no earlier step publishes it"):
        Mediator(stack, "M", bus=bus, steps=["reserve_stock", "complete_order"], tables={"stock": table})


@pytest.mark.parametrize(("steps", "message"), [([], "has no steps"), (["reject_order"] * 2, "has reject_order twice")])
def test_flow_without_steps_or_with_a_duplicate_step_raises(stack, bus, steps, message):
    with raises(message):
        Mediator(stack, "M", bus=bus, steps=steps)


def test_undo_that_takes_the_event_of_its_own_step_raises(stack, bus):
    with raises("arrange_shipping, which it undoes, may fail before it publishes it") as caught:
        saga(stack, bus, SagaStep("arrange_shipping", undo="complete_order"), completed="charge_payment")
    assert "annotate the parameter with '| None'" in str(caught.value)


def test_rejection_that_takes_the_event_of_a_step_raises(stack, bus):
    with raises("the saga can be rejected before a step publishes it"):
        saga(stack, bus, SagaStep("arrange_shipping"), rejected="complete_order", completed="reject_order")


def test_completion_that_takes_an_unpublished_event_raises(stack, bus):
    with raises("the step complete_order takes shipment"):
        saga(stack, bus, SagaStep("charge_payment"))


def test_mediator_runs_its_steps_in_sequence_without_catch(stack, bus, table, synthesised):
    tables = {"stock": table, "payments": table}
    Mediator(stack, "M", bus=bus, steps=["reserve_stock", "charge_payment"], tables=tables)
    machine = synthesised().machine()
    states = machine["States"]
    assert machine["StartAt"] == "reserve_stock"
    assert states["reserve_stock"]["Next"] == "charge_payment"
    assert not [state for state in states.values() if "Catch" in state]


def test_failed_executions_are_sent_to_the_dead_letter_queue(stack, bus, synthesised):
    mediator = Mediator(stack, "M", bus=bus, steps=["arrange_shipping"])
    machine = stack.resolve(mediator.state_machine.state_machine_arn)
    dead_letters, fallback = (stack.resolve(owner.dead_letters.queue_arn) for owner in (mediator, bus))
    rules = synthesised().of("Events::Rule").values()
    (rule,) = [rule for rule in rules if rule["EventPattern"].get("source") == ["aws.states"]]
    assert "EventBusName" not in rule
    statuses = ["FAILED", "TIMED_OUT", "ABORTED"]
    assert rule["EventPattern"]["detail"] == {"stateMachineArn": [machine], "status": statuses}
    assert [(t["Arn"], t["DeadLetterConfig"]["Arn"]) for t in rule["Targets"]] == [(dead_letters, fallback)]


def test_mediator_accepts_a_custom_flow_with_catch(stack, bus, table, synthesised):
    from aws_cdk import aws_stepfunctions as sfn

    def flow(mediator):
        charge = mediator.step("charge_payment")
        return charge.add_catch(mediator.step("reject_order"), result_path="$.error").next(
            sfn.Succeed(mediator, "paid")
        )

    tables = {"payments": table}
    Mediator(stack, "M", bus=bus, steps=["charge_payment", "reject_order"], flow=flow, tables=tables)
    states = synthesised().machine()["States"]
    assert [catch["Next"] for catch in states["charge_payment"]["Catch"]] == ["reject_order"]
    assert "Catch" not in states["reject_order"]
