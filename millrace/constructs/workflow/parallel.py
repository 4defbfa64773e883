"""Steps of a mediator that run side by side: `fork`, of which the first good answer wins, and `broadcast`, of all.

https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.workflow.steps import Task

FIRST = "FirstAnswer"
"""The error by which a branch of a fork ends all others: Step Functions has no other way to stop them."""
_REDRIVES = "$$.Execution.RedriveCount"
_ANSWER = {
    "events.$": "$.events",
    "refused": False,
    "branches.$": "States.Array(States.StringToJson($.first.Cause))",
}


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


def in_parallel(scope: Construct, steps: Together, task: Callable[[str], Task]) -> sfn.Chain:
    """The states that run some steps together; each answers with its own events alone."""
    named = (" and " if steps.every else " or ").join(steps.names)
    tasks = [task(name) for name in steps.names]
    if steps.every:
        alone: sfn.Chain = sfn.Chain.start(sfn.Parallel(scope, named, result_path="$.branches").branch(*tasks))
        return alone
    return _fork(scope, named, [_branch(scope, name, each) for name, each in zip(steps.names, tasks, strict=True)])


def _branch(scope: Construct, name: str, task: Task) -> sfn.IChainable:
    lost = sfn.Succeed(scope, f"{name} has no answer")
    won = sfn.Fail(scope, f"{name} answered", error=FIRST, cause_path="States.JsonToString($)")
    task.add_catch(lost, result_path="$.error")
    refused = sfn.Condition.boolean_equals("$.refused", True)  # noqa: FBT003 - CDK's own signature
    asked: sfn.IChainable = task.next(sfn.Choice(scope, f"{name} refused?").when(refused, lost).otherwise(won))
    return asked


def _fork(scope: Construct, named: str, branches: Sequence[sfn.IChainable]) -> sfn.Chain:
    """Ask all; where nobody answers, a choice fails that finds a way only once the execution is redriven.

    A redrive evaluates a choice again, where it would but fail again at a state that fails.
    """
    ask = sfn.Pass(scope, f"ask {named}", input_path=_REDRIVES, result_path="$.asked")
    parallel = sfn.Parallel(scope, named, result_path=sfn.JsonPath.DISCARD).branch(*branches)
    first = sfn.Pass(scope, f"{named}: the first answer", parameters=_ANSWER)
    parallel.add_catch(first, errors=[FIRST], result_path="$.first")
    redriven = sfn.Condition.number_greater_than_json_path(_REDRIVES, "$.asked")
    parallel.next(sfn.Choice(scope, f"{named}: nobody answered").when(redriven, ask))
    chain: sfn.Chain = sfn.Chain.custom(ask.next(parallel).start_state, [first], first)
    return chain


def flat(steps: Sequence[str | Together]) -> list[str]:
    """The names of all steps, in their order."""
    return [name for each in steps for name in (each.names if isinstance(each, Together) else (each,))]
