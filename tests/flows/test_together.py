"""Steps of a mediator that run together: the first good answer of a fork, every answer of a broadcast."""

import json

import pytest


@pytest.fixture
def ends(flows):
    """How a flow ends in both mediators: the status of the execution, and whose offers were decided on."""

    def run(**how):
        correlation_id = flows.put("test.together", "Wanted", key="k", **how)
        flows.settle()
        trace = flows.cloud.trace(correlation_id)
        return {
            name: (trace.work(name).status, decided(flows, correlation_id, name)) for name in ("Forked", "Broadcast")
        }

    return run


def decided(flows, correlation_id, mediator):
    """What the last step of a mediator made of the offers, from its execution."""
    machines = flows.client("stepfunctions")
    arn = next(m["stateMachineArn"] for m in machines.list_state_machines()["stateMachines"] if mediator in m["name"])
    for execution in machines.list_executions(stateMachineArn=arn)["executions"]:
        told = machines.describe_execution(executionArn=execution["executionArn"])
        if correlation_id in told["input"] and "output" in told:
            return json.loads(told["output"])["events"][-1]["detail"]["data"]["by"]
    return None


def test_a_fork_goes_on_with_one_answer_and_a_broadcast_with_all(ends):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html"""
    found = ends()
    assert found["Broadcast"] == ("SUCCEEDED", ["ask_one", "ask_other"])
    status, by = found["Forked"]
    assert (status, len(by)) == ("SUCCEEDED", 1)


@pytest.mark.parametrize("how", ["fails", "refuses"])
def test_a_fork_goes_on_with_the_answer_of_the_other_where_one_has_none(ends, how):
    assert ends(**{how: ["ask_one"]})["Forked"] == ("SUCCEEDED", ["ask_other"])


def test_a_fork_fails_where_nobody_answers_and_a_broadcast_where_one_does_not(flows, ends):
    found = ends(fails=["ask_one"], refuses=["ask_other"])
    assert [status for status, _ in found.values()] == ["FAILED", "FAILED"]
    (letter,) = flows.letters("forked")
    assert (letter["error"]["Error"], len(letter["events"])) == ("NobodyAnswered", 1)
    assert flows.letters("broadcast")
