"""A mediator: a state machine that passes an event through steps, each of which is a function."""

from collections.abc import Callable, Sequence
from typing import Any, Unpack, cast

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE_ACTIONS, grant_key
from millrace.constructs.channels.channel import Channel, FailurePath, queue
from millrace.constructs.failure.dead_letters import dead_letter_queue, failed_execution_rule
from millrace.constructs.function.function import Function, event_addresses, function_metadata, snake_case
from millrace.constructs.function.handlers import declared_step
from millrace.constructs.function.project import record_source_location
from millrace.constructs.function.settings import Settings
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import Tables, check_resources
from millrace.constructs.workflow.machine import standard_machine
from millrace.constructs.workflow.parallel import ParallelSteps, parallel_states, step_names
from millrace.constructs.workflow.steps import Steps, Task
from millrace.constructs.workflow.validation import check_names, check_sequence, trigger_event
from millrace.runtime import Declaration

Flow = Callable[["Mediator"], sfn.IChainable]


class Mediator(Construct):
    """Rule → queue → starter → state machine: one execution per event, one function per step.

    The first step's input event starts an execution. Steps run in sequence; those in `fork(…)` or `broadcast(…)` run
    in parallel. For another order, pass `flow=lambda m: m.step("check").next(m.step("decide"))`. A failed execution is
    sent to the dead-letter queue with its input and error; a redrive resumes it at the failed step.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        steps: Sequence[str | ParallelSteps],
        flow: Flow | None = None,
        tables: Tables | None = None,
        channel: Channel | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        check_names(self._path, step_names(steps))
        self.declarations = [declared_step(name) for name in step_names(steps)]
        self._sequence = tuple(steps)
        if flow is None:
            check_sequence(self._path, [_declarations(each) for each in steps])
        check_resources(self._path, self.declarations, tables or {})
        self.trigger = trigger_event(self._path, self.declarations[0])
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, owner=self.node.id)
        self._alarms = Alarms(self, bus.alarm_topic)
        self._steps = self._create_steps(bus, tables or {}, settings)
        self._records = bus.idempotency.table
        self.state_machine = standard_machine(self, (flow or _in_sequence)(self), bus)
        failed_execution_rule(self, self.state_machine, self.dead_letters, bus.encryption_key, bus.dead_letters)
        for declaration in self.declarations:
            if declaration.callback:
                bus.callbacks.add_waiting_step(self._path, self.state_machine, declaration.callback)
        self.add_metadata(kind="mediator")
        self._add_starter(bus, channel or queue(), settings)
        self._alarms.dead_letters(self.dead_letters)
        self._alarms.machine(self.state_machine)

    @property
    def _path(self) -> str:
        return f"{type(self).__name__} {self.node.path}"

    def step(self, name: str) -> Task:
        """Return the task of a step, for a custom flow; the state has the name of its function."""
        return self._steps.task(name)

    def states(self) -> list[sfn.IChainable]:
        """Return the states of the steps in sequence."""
        return [
            parallel_states(self, each, self.step) if isinstance(each, ParallelSteps) else self.step(each)
            for each in self._sequence
        ]

    def add_metadata(self, **metadata: Any) -> None:
        """Add metadata to the state machine's resource, for the flow checker and the CLI.

        `records` is the table in which the CLI marks failed executions as purged.
        """
        resource = cast("sfn.CfnStateMachine", self.state_machine.node.default_child)
        own = {"construct": self.node.path, "records": self._records.table_name}
        resource.add_metadata("millrace", {**own, **metadata})

    def _create_steps(self, bus: Bus, tables: Tables, settings: Settings) -> Steps:
        steps = Steps(self, bus, tables, settings)
        for each in self._sequence:
            for declaration in _declarations(each)[0]:
                steps.add(declaration, parallel=isinstance(each, ParallelSteps))
        return steps

    def _add_starter(self, bus: Bus, channel: Channel, settings: Settings) -> None:
        starter = Function(
            self,
            "Starter",
            name=f"start_{snake_case(self.node.id)}",
            metadata=function_metadata("starter", self, [self.trigger], []),
            environment={
                "MILLRACE_STATE_MACHINE": self.state_machine.state_machine_arn,
                "MILLRACE_TRIGGER": event_addresses([self.trigger]),
            },
            settings={
                **settings,
                "timeout": Duration.seconds(30),
                "environment": {},
                "secrets": {},
                "parameters": {},
            },
            key=bus.encryption_key,
        )
        self.state_machine.grant_start_execution(starter.role)
        grant_key(bus.encryption_key, starter.role, "states", WRITE_ACTIONS)
        starter.enable_quarantine(bus, self.dead_letters, settings.get("allow_cycle"))
        starter.enable_claim_check(bus, publishes=[self.trigger], consumes=[self.trigger])
        channel.connect(self, bus, [self.trigger], starter, FailurePath(self.dead_letters, self._alarms))
        self._alarms.function(starter.function)


def _in_sequence(mediator: Mediator) -> sfn.IChainable:
    first, *rest = mediator.states()
    chain: sfn.Chain = sfn.Chain.start(first)
    for task in rest:
        chain = chain.next(task)
    return chain


def _declarations(step: str | ParallelSteps) -> tuple[list[Declaration], bool]:
    """Return the declarations of a step or of parallel steps, and whether all of their events are published."""
    return [declared_step(name) for name in step_names([step])], not isinstance(step, ParallelSteps) or step.all_succeed
