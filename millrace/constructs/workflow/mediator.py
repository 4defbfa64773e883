"""A mediator: a state machine that leads an event through steps, each a function."""

from collections.abc import Callable, Sequence
from typing import Any, Unpack, cast

from aws_cdk import Duration, Names, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE, encrypt_machine, grant_key
from millrace.constructs.channels.channels import Channel, End, queue
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.failure.letters import keep_failed
from millrace.constructs.function.aside import put_aside
from millrace.constructs.function.declared import declared_step
from millrace.constructs.function.function import Function, Settings, facts, snake
from millrace.constructs.function.places import note_place
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.observability.logs import log_group
from millrace.constructs.stores.tables import Tables, check_tables
from millrace.constructs.workflow.parallel import Together, flat, in_parallel
from millrace.constructs.workflow.plan import check_line, check_names, trigger_of
from millrace.constructs.workflow.steps import Steps, Task
from millrace.events import Event
from millrace.runtime import Declaration

Flow = Callable[["Mediator"], sfn.IChainable]


class Mediator(Construct):
    """Rule → queue → starter → state machine, one execution for each event; each step is a function.

    The event that starts it is the one that the first step takes. The steps run one after the other, unless `flow`
    says otherwise: `flow=lambda m: m.step("check").next(m.step("decide"))`; those within `fork(…)` or
    `broadcast(…)` run side by side. An execution that fails is kept in the dead-letter queue, with its input and the
    error; a redrive goes on at the step that failed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        steps: Sequence[str | Together],
        flow: Flow | None = None,
        tables: Tables | None = None,
        channel: Channel | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        note_place(self)
        check_names(self._place, flat(steps))
        self.declarations = [declared_step(name) for name in flat(steps)]
        self._line = tuple(steps)
        if flow is None:
            check_line(self._place, [_declared(each) for each in steps])
        check_tables(self._place, self.declarations, tables or {})
        self.trigger = trigger_of(self._place, self.declarations[0])
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, of=self.node.id)
        self._alarms = Alarms(self, bus.alarm_topic)
        self._steps = self._make_steps(bus, tables or {}, settings)
        self._records = bus.idempotency.table
        self.state_machine = self._machine((flow or _one_after_the_other)(self), bus)
        keep_failed(self, self.state_machine, self.dead_letters, bus)
        for declaration in self.declarations:
            if declaration.callback:
                bus.callbacks.expect(self._place, self.state_machine, declaration.callback)
        self.note(kind="mediator")
        self._start(bus, channel or queue(), settings)
        self._alarms.dead_letters(self.dead_letters)
        self._alarms.machine(self.state_machine)

    @property
    def _place(self) -> str:
        return f"{type(self).__name__} {self.node.path}"

    def step(self, name: str) -> Task:
        """The task that runs a step, for a flow of one's own; a state is called as its function is."""
        return self._steps.task(name)

    def line(self) -> list[sfn.IChainable]:
        """The states of the steps, in the order in which they were given."""
        return [
            in_parallel(self, each, self.step) if isinstance(each, Together) else self.step(each) for each in self._line
        ]

    def note(self, **facts: Any) -> None:
        """Say in the template's metadata what the state machine is, for those who read the graph from there.

        `records` is the table in which an operator notes of which failures nobody is to hear any more.
        """
        resource = cast("sfn.CfnStateMachine", self.state_machine.node.default_child)
        resource.add_metadata("millrace", {"construct": self.node.path, "records": self._records.table_name, **facts})

    def _make_steps(self, bus: Bus, tables: Tables, settings: Settings) -> Steps:
        made = Steps(self, bus, tables, settings)
        for each in self._line:
            for declaration in _declared(each)[0]:
                made.add(declaration, beside=isinstance(each, Together))
        return made

    def _machine(self, start: sfn.IChainable, bus: Bus) -> sfn.StateMachine:
        graph = sfn.StateGraph(start.start_state, f"the flow of {self._place}")
        definition = {"Comment": self.node.id, **graph.to_graph_json()}
        machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(Stack.of(self).to_json_string(definition)),
            state_machine_type=sfn.StateMachineType.STANDARD,
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=self._logs(bus), level=sfn.LogLevel.ALL, include_execution_data=False),
            state_machine_name=self._name if bus.encryption_key else None,
        )
        for statement in graph.policy_statements:
            machine.add_to_role_policy(_least(statement))
        if bus.encryption_key:
            encrypt_machine(machine, self._name, bus.encryption_key)
        known = "X-Ray, and the delivery of a state machine's logs, know no resources."
        acknowledge(machine.role, known, "AwsSolutions-IAM5[Resource::*]")
        acknowledge(machine, "CDK waits for the role, and for its policies.", "W3005")
        return machine

    @property
    def _name(self) -> str:
        """What its resources are called that need a name: the logs and, for the policy of a key, the machine."""
        name: str = Names.unique_resource_name(self, max_length=80, separator="-")
        return name

    def _logs(self, bus: Bus) -> logs.LogGroup:
        """Vended logs: without this prefix each machine lengthens one policy of the account, which has a limit.

        https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
        """
        return log_group(self, "MachineLogs", bus.encryption_key, log_group_name=f"/aws/vendedlogs/states/{self._name}")

    def _start(self, bus: Bus, channel: Channel, settings: Settings) -> None:
        starting: Settings = {**settings, "timeout": Duration.seconds(30), "environment": {}}
        starter = Function(
            self,
            "Starter",
            name=f"start_{snake(self.node.id)}",
            own=None,
            facts=facts("starter", self, [self.trigger], []),
            environment={
                "MILLRACE_STATE_MACHINE": self.state_machine.state_machine_arn,
                "MILLRACE_TRIGGER": _address(self.trigger),
            },
            settings=starting,
            key=bus.encryption_key,
        )
        self.state_machine.grant_start_execution(starter.role)
        grant_key(bus.encryption_key, starter.role, "states", WRITE)
        put_aside(starter, bus, self.dead_letters, settings.get("allow_cycle"))
        starter.use_claims(bus, publishes=[self.trigger], consumes=[self.trigger])
        channel.connect(self, bus, [self.trigger], starter, End(self.dead_letters, self._alarms))
        self._alarms.function(starter.function)


def _one_after_the_other(mediator: Mediator) -> sfn.IChainable:
    first, *rest = mediator.line()
    chain: sfn.Chain = sfn.Chain.start(first)
    for task in rest:
        chain = chain.next(task)
    return chain


def _declared(step: str | Together) -> tuple[list[Declaration], bool]:
    """What a step, or each of those that run together, declares; and whether all of them say something."""
    return [declared_step(name) for name in flat([step])], not isinstance(step, Together) or step.every


def _least(statement: iam.PolicyStatement) -> iam.PolicyStatement:
    """Without the versions of a function: CDK asks for them besides the function itself, and no flow calls them."""
    resources = statement.resources
    kept = [arn for arn in resources if not (arn.endswith(":*") and arn.removesuffix(":*") in resources)]
    least: iam.PolicyStatement = statement.copy(resources=kept)
    return least


def _address(event: type[Event]) -> str:
    return f"{event.__module__}:{event.__qualname__}"
