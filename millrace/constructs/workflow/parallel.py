"""Parallel steps of a mediator: `fork` continues with the first result, `broadcast` with all results.

https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.workflow.steps import Task

FIRST = "FirstAnswer"
"""The error by which the first successful branch of a fork stops the others; Step Functions has no other way."""
_REDRIVES = "$$.Execution.RedriveCount"
_RESULT = {
    "events.$": "$.events",
    "refused": False,
    "branches.$": "States.Array(States.StringToJson($.first.Cause))",
}


@dataclass(frozen=True)
class ParallelSteps:
    """Steps that run in parallel; either all or at least one must succeed."""

    names: tuple[str, ...]
    all_succeed: bool


def fork(*names: str) -> ParallelSteps:
    """Run steps in parallel and continue with the events of the first that neither refuses nor fails.

    The other steps are stopped, and their effects are not undone: use it for steps that only read.
    """
    return ParallelSteps(names, all_succeed=False)


def broadcast(*names: str) -> ParallelSteps:
    """Run steps in parallel and continue with the events of all; if one fails, the flow fails."""
    return ParallelSteps(names, all_succeed=True)


def parallel_states(scope: Construct, steps: ParallelSteps, task: Callable[[str], Task]) -> sfn.Chain:
    """Create the states that run steps in parallel; each returns only its own events."""
    title = (" and " if steps.all_succeed else " or ").join(steps.names)
    branches = [task(name) for name in steps.names]
    if steps.all_succeed:
        chain: sfn.Chain = sfn.Chain.start(sfn.Parallel(scope, title, result_path="$.branches").branch(*branches))
        return chain
    return _fork(scope, title, [_branch(scope, name, each) for name, each in zip(steps.names, branches, strict=True)])


def _branch(scope: Construct, name: str, task: Task) -> sfn.IChainable:
    no_result = sfn.Succeed(scope, f"{name}: no result")
    succeeded = sfn.Fail(scope, f"{name}: succeeded", error=FIRST, cause_path="States.JsonToString($)")
    task.add_catch(no_result, result_path="$.error")
    refused = sfn.Condition.boolean_equals("$.refused", True)  # noqa: FBT003 - CDK's own signature
    branch: sfn.IChainable = task.next(
        sfn.Choice(scope, f"{name} refused?").when(refused, no_result).otherwise(succeeded)
    )
    return branch


def _fork(scope: Construct, title: str, branches: Sequence[sfn.IChainable]) -> sfn.Chain:
    """Run the branches; if none succeeds, fail in a Choice state that matches only after a redrive.

    A redrive evaluates a Choice state again; a Fail state would only fail again.
    """
    start = sfn.Pass(scope, f"start {title}", input_path=_REDRIVES, result_path="$.redrive_count")
    parallel = sfn.Parallel(scope, title, result_path=sfn.JsonPath.DISCARD).branch(*branches)
    first = sfn.Pass(scope, f"{title}: first result", parameters=_RESULT)
    parallel.add_catch(first, errors=[FIRST], result_path="$.first")
    redriven = sfn.Condition.number_greater_than_json_path(_REDRIVES, "$.redrive_count")
    parallel.next(sfn.Choice(scope, f"{title}: all failed").when(redriven, start))
    chain: sfn.Chain = sfn.Chain.custom(start.next(parallel).start_state, [first], first)
    return chain


def step_names(steps: Sequence[str | ParallelSteps]) -> list[str]:
    """Return the names of all steps in order."""
    return [name for each in steps for name in (each.names if isinstance(each, ParallelSteps) else (each,))]
