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
    letters = [flows.letters(name)[-1]["detail"] for name in ("forked", "broadcast")]
    assert [letter["error"] for letter in letters] == ["States.NoChoiceMatched", "RuntimeError"]


@pytest.fixture
def mend(flows):
    """Mend `ask_one`, for one test."""

    def let(**variables):
        functions = flows.client("lambda")
        for function in functions.list_functions()["Functions"]:
            known = function["Environment"]["Variables"] | {"MENDED": ""}
            if known.get("POWERTOOLS_SERVICE_NAME") == "ask_one":
                functions.update_function_configuration(
                    FunctionName=function["FunctionName"], Environment={"Variables": known | variables}
                )

    yield lambda: let(MENDED="yes")
    let()


@pytest.fixture
def redriven(flows, mend):
    """How the executions of both mediators end that failed for good, and are redriven when `ask_one` is mended."""

    def run(**how):
        correlation_id = flows.put("test.together", "Wanted", key="k", **how)
        flows.settle()
        mend()
        for name in ("forked", "broadcast"):
            for letter in flows.letters(name):
                flows.client("stepfunctions").redrive_execution(executionArn=letter["detail"]["executionArn"])
        flows.settle()
        return flows.cloud.trace(correlation_id)

    return run


def test_a_fork_that_nobody_answered_asks_those_again_that_failed_when_it_is_redriven(flows, redriven):
    trace = redriven(fails=["ask_one"], refuses=["ask_other"])
    assert decided(flows, trace.correlation_id, "Forked") == ["ask_one"]
    assert trace.names().count("Declined") == 2, "one of each mediator"


def test_of_a_broadcast_that_is_redriven_only_those_are_told_again_that_failed(flows, redriven):
    trace = redriven(fails=["ask_one"])
    assert decided(flows, trace.correlation_id, "Broadcast") == ["ask_one", "ask_other"]
    assert trace.names().count("Decided") == 2
