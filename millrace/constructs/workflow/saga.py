"""A saga: a mediator whose steps have undo functions.

Each undo is one state that leads to the undo of the step before it. A refusal enters this chain before the undo of the
step that refused; a failure, whose outcome is unknown, enters it at the undo of the step that failed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Unpack

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.channels.channel import Channel
from millrace.constructs.function.handlers import declared_step
from millrace.constructs.function.settings import Settings
from millrace.constructs.stores.tables import Tables
from millrace.constructs.workflow.mediator import Mediator
from millrace.constructs.workflow.validation import check_names, check_saga


@dataclass(frozen=True)
class SagaStep:
    """A step with the function that undoes it, or the reason why there is nothing to undo."""

    name: str
    undo: str | None = None
    nothing_to_undo: str | None = None


class Saga(Mediator):
    """Runs `steps`, then `completed`. If a step publishes a Refusal, the steps before it are undone in reverse order.

    Then `rejected` runs, and the execution succeeds. A step that fails after its retries is undone, too, because its
    outcome is unknown. If an undo, `rejected`, or `completed` fails, the execution fails; it is sent to the dead-letter
    queue, and a redrive resumes it. Each function takes its tables from `tables` by the names of its parameters.
    """

    def __init__(  # noqa: PLR0913 - each argument is a separate setting
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
        route = _Route(tuple(steps), completed, rejected)
        route.check(f"{type(self).__name__} {scope.node.path}/{id}")
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
        self.add_metadata(kind="saga", steps=[asdict(step) for step in steps])


@dataclass(frozen=True)
class _Route:
    steps: tuple[SagaStep, ...]
    completed: str
    rejected: str

    def names(self) -> list[str]:
        undos = [step.undo for step in self.steps if step.undo]
        return [*(step.name for step in self.steps), *undos, self.completed, self.rejected]

    def check(self, path: str) -> None:
        check_names(path, self.names())
        steps = [(declared_step(step.name), declared_step(step.undo) if step.undo else None) for step in self.steps]
        check_saga(path, steps, declared_step(self.completed), declared_step(self.rejected))

    def flow(self, mediator: Mediator) -> sfn.IChainable:
        """Create the states from last to first, because each needs its successor."""
        undo_from = self._undo_states(mediator)
        following: sfn.IChainable = mediator.step(self.completed).next(sfn.Succeed(mediator, "completed"))
        for step, refused, failed in reversed(list(zip(self.steps, undo_from, undo_from[1:], strict=False))):
            task = mediator.step(step.name)
            task.add_catch(failed, result_path="$.error")
            following = task.next(_choice(mediator, step.name, refused, following))
        return following

    def _undo_states(self, mediator: Mediator) -> list[sfn.IChainable]:
        """Return the states that undo no step, the first step, the first two steps, and so on."""
        states: list[sfn.IChainable] = [mediator.step(self.rejected).next(sfn.Succeed(mediator, "rejected"))]
        for step in self.steps:
            states.append(mediator.step(step.undo).next(states[-1]) if step.undo else states[-1])
        return states


def _choice(scope: Construct, name: str, refused: sfn.IChainable, following: sfn.IChainable) -> sfn.Choice:
    condition = sfn.Condition.boolean_equals("$.refused", True)  # noqa: FBT003 - CDK's own signature
    choice = sfn.Choice(scope, f"{name} refused?")
    choice.when(condition, refused).otherwise(following)
    return choice
