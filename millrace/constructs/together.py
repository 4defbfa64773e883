"""Steps of a mediator that run side by side: `fork`, of which the first good answer wins, and `broadcast`, of all.

https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

FIRST = "FirstAnswer"
"""The error by which a branch of a fork ends all others: Step Functions has no other way to stop them."""
_NOBODY = {"Error": "NobodyAnswered", "Cause": "Every branch of the fork refused or failed."}


@dataclass(frozen=True)
class Together:
    """Steps that run side by side; `every` one of them has to go well, or just one."""

    names: tuple[str, ...]
    every: bool


def fork(*names: str) -> Together:
    """Steps that are asked at once: the flow goes on with what the first one says that neither refuses nor fails.

    The others are stopped, and what they had begun is not undone: fork what only asks.
    """
    return Together(names, every=False)


def broadcast(*names: str) -> Together:
    """Steps that are told at once: the flow goes on with what all of them say, and fails where one of them does."""
    return Together(names, every=True)


def in_parallel(
    scope: Construct, steps: Together, task: Callable[[str], sfn.TaskStateBase], failed: sfn.IChainable
) -> sfn.Chain:
    """The states that run some steps together; each answers with its own events alone."""
    branch = _all_branch if steps.every else _first_branch
    named = (" and " if steps.every else " or ").join(steps.names)
    parallel = sfn.Parallel(scope, named, result_path="$.branches")
    for name in steps.names:
        parallel.branch(branch(scope, name, task(name)))
    if steps.every:
        parallel.add_catch(failed, result_path="$.error")
        alone: sfn.Chain = sfn.Chain.start(parallel)
        return alone
    return _won(scope, named, parallel, failed)


def _all_branch(scope: Construct, name: str, task: sfn.TaskStateBase) -> sfn.IChainable:
    end = sfn.Fail(scope, f"{name} failed", error_path="$.error.Error", cause_path="$.error.Cause")
    task.add_catch(end, result_path="$.error")
    return task


def _first_branch(scope: Construct, name: str, task: sfn.TaskStateBase) -> sfn.IChainable:
    lost = sfn.Succeed(scope, f"{name} has no answer")
    won = sfn.Fail(scope, f"{name} answered", error=FIRST, cause_path="States.JsonToString($)")
    task.add_catch(lost, result_path="$.error")
    refused = sfn.Condition.boolean_equals("$.refused", True)  # noqa: FBT003 - CDK's own signature
    asked: sfn.IChainable = task.next(sfn.Choice(scope, f"{name} refused?").when(refused, lost).otherwise(won))
    return asked


def _won(scope: Construct, named: str, parallel: sfn.Parallel, failed: sfn.IChainable) -> sfn.Chain:
    first = sfn.Pass(
        scope,
        f"{named}: the first answer",
        parameters={
            "events.$": "$.events",
            "refused": False,
            "branches.$": "States.Array(States.StringToJson($.first.Cause))",
        },
    )
    nobody = sfn.Pass(scope, f"{named}: no answer", result=sfn.Result.from_object(_NOBODY), result_path="$.error")
    parallel.add_catch(first, errors=[FIRST], result_path="$.first")
    parallel.add_catch(failed, result_path="$.error")
    parallel.next(nobody.next(failed))
    chain: sfn.Chain = sfn.Chain.custom(parallel, [first], first)
    return chain


def flat(steps: Sequence[str | Together]) -> list[str]:
    """The names of all steps, in their order."""
    return [name for each in steps for name in (each.names if isinstance(each, Together) else (each,))]
