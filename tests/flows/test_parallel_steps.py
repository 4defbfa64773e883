"""Parallel steps of a mediator: a fork takes the first response, a broadcast takes all."""

import json

import pytest


@pytest.fixture
def ends(flows):
    """Run a flow. Return the execution status of both mediators and the steps whose offers they used."""

    def run(**how):
        correlation_id = flows.put("test.parallel", "Wanted", key="k", **how)
        flows.settle()
        trace = flows.cloud.trace(correlation_id)
        return {
            name: (trace.work(name).status, decided(flows, correlation_id, name)) for name in ("Forked", "Broadcast")
        }

    return run


def decided(flows, correlation_id, mediator):
    """Return the result of the last step of a mediator's execution."""
    machines = flows.client("stepfunctions")
    arn = next(m["stateMachineArn"] for m in machines.list_state_machines()["stateMachines"] if mediator in m["name"])
    for execution in machines.list_executions(stateMachineArn=arn)["executions"]:
        details = machines.describe_execution(executionArn=execution["executionArn"])
        if correlation_id in details["input"] and "output" in details:
            return json.loads(details["output"])["events"][-1]["detail"]["data"]["by"]
    return None


def test_fork_continues_with_one_response_and_broadcast_with_all(ends):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html"""
    found = ends()
    assert found["Broadcast"] == ("SUCCEEDED", ["offer_one", "offer_other"])
    status, by = found["Forked"]
    assert (status, len(by)) == ("SUCCEEDED", 1)


@pytest.mark.parametrize("how", ["fails", "refuses"])
def test_fork_continues_with_the_other_response_if_one_step_fails(ends, how):
    assert ends(**{how: ["offer_one"]})["Forked"] == ("SUCCEEDED", ["offer_other"])


def test_fork_fails_without_responses_and_broadcast_with_one_missing(flows, ends):
    found = ends(fails=["offer_one"], refuses=["offer_other"])
    assert [status for status, _ in found.values()] == ["FAILED", "FAILED"]
    details = [flows.dead_letters(name)[-1]["detail"] for name in ("forked", "broadcast")]
    assert [detail["error"] for detail in details] == ["States.NoChoiceMatched", "RuntimeError"]


@pytest.fixture
def fix(flows):
    """Fix `offer_one` for one test."""

    def set_variables(**variables):
        functions = flows.client("lambda")
        for function in functions.list_functions()["Functions"]:
            environment = function["Environment"]["Variables"] | {"FIXED": ""}
            if environment.get("POWERTOOLS_SERVICE_NAME") == "offer_one":
                functions.update_function_configuration(
                    FunctionName=function["FunctionName"], Environment={"Variables": environment | variables}
                )

    yield lambda: set_variables(FIXED="yes")
    set_variables()


@pytest.fixture
def redriven(flows, fix):
    """Run a flow that fails, fix `offer_one`, redrive both executions and return the trace."""

    def run(**how):
        correlation_id = flows.put("test.parallel", "Wanted", key="k", **how)
        flows.settle()
        fix()
        for name in ("forked", "broadcast"):
            for dead_letter in flows.dead_letters(name):
                flows.client("stepfunctions").redrive_execution(executionArn=dead_letter["detail"]["executionArn"])
        flows.settle()
        return flows.cloud.trace(correlation_id)

    return run


def test_redriven_fork_runs_only_its_failed_steps(flows, redriven):
    trace = redriven(fails=["offer_one"], refuses=["offer_other"])
    assert decided(flows, trace.correlation_id, "Forked") == ["offer_one"]
    assert trace.names().count("Declined") == 2, "one per mediator"


def test_redriven_broadcast_runs_only_its_failed_steps(flows, redriven):
    trace = redriven(fails=["offer_one"])
    assert decided(flows, trace.correlation_id, "Broadcast") == ["offer_one", "offer_other"]
    assert trace.names().count("Decided") == 2
