"""A saga: a mediator written as steps with their undo.

Each undo is one state, and undos lead to one another in reverse order, so that every way back is a tail of the same
chain: a refused step enters it before its own undo, a failed one, whose outcome is unknown, at its own.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Unpack

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.channels.channels import Channel
from millrace.constructs.function.declared import declared_step
from millrace.constructs.function.function import Settings
from millrace.constructs.stores.tables import Tables
from millrace.constructs.workflow.mediator import Mediator
from millrace.constructs.workflow.plan import check_names, check_saga


@dataclass(frozen=True)
class SagaStep:
    """A step and the function that undoes it, or why there is nothing to undo."""

    name: str
    undo: str | None = None
    nothing_to_undo: str | None = None


class Saga(Mediator):
    """Runs `steps`, then `completed`. A step that says a Refusal has the steps before it undone in reverse.

    Then `rejected` runs, and the execution has succeeded in rejecting. A step that fails after its retries is undone
    too, as its outcome is unknown. An undo, `rejected` or `completed` that fails itself fails the execution, which
    is kept in the dead-letter queue, and goes on there when it is redriven. Each function takes its tables out of
    `tables`, by the names of its parameters.
    """

    def __init__(  # noqa: PLR0913 - a saga is no fewer
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        steps: Sequence[SagaStep],
        completed: str,
        rejected: str,
        tables: Tables | None = None,
        channel: Channel | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        place = f"{type(self).__name__} {scope.node.path}/{id}"
        route = _Route(tuple(steps), completed, rejected)
        check_names(place, route.names())
        _check(place, route)
        super().__init__(
            scope,
            id,
            bus=bus,
            steps=route.names(),
            flow=route.flow,
            tables=tables,
            channel=channel,
            **settings,
        )
        self.note(kind="saga", steps=[asdict(step) for step in steps])


@dataclass(frozen=True)
class _Route:
    steps: tuple[SagaStep, ...]
    completed: str
    rejected: str

    def names(self) -> list[str]:
        undos = [step.undo for step in self.steps if step.undo]
        return [*(step.name for step in self.steps), *undos, self.completed, self.rejected]

    def flow(self, mediator: Mediator) -> sfn.IChainable:
        """The states, from the last step to the first: each needs to know the one after it."""
        back = self._ways_back(mediator)
        onward: sfn.IChainable = mediator.step(self.completed).next(sfn.Succeed(mediator, "completed"))
        for step, refused, failed in reversed(list(zip(self.steps, back, back[1:], strict=False))):
            task = mediator.step(step.name)
            task.add_catch(failed, result_path="$.error")
            onward = task.next(_choice(mediator, step.name, refused, onward))
        return onward

    def _ways_back(self, mediator: Mediator) -> list[sfn.IChainable]:
        """Where the way back begins with no step done, with the first one done, with two …, in turn."""
        ends = mediator.step(self.rejected).next(sfn.Succeed(mediator, "rejected"))
        ways: list[sfn.IChainable] = [ends]
        for step in self.steps:
            ways.append(mediator.step(step.undo).next(ways[-1]) if step.undo else ways[-1])
        return ways


def _choice(scope: Construct, name: str, refused: sfn.IChainable, onward: sfn.IChainable) -> sfn.Choice:
    no = sfn.Condition.boolean_equals("$.refused", True)  # noqa: FBT003 - CDK's own signature
    choice = sfn.Choice(scope, f"{name} refused?")
    choice.when(no, refused).otherwise(onward)
    return choice


def _check(place: str, route: _Route) -> None:
    steps = [(declared_step(s.name), declared_step(s.undo) if s.undo else None) for s in route.steps]
    check_saga(place, steps, declared_step(route.completed), declared_step(route.rejected))
