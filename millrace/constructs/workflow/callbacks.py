"""Callbacks of a bus: the table of task tokens, the steps that wait, and permissions to answer."""

from functools import cached_property

import jsii
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from millrace.constructs.bus.encrypted_resources import expiring_table
from millrace.constructs.bus.encryption import TABLE_ACTIONS, grant_key
from millrace.constructs.bus.state_tables import grant_items
from millrace.events import Event
from millrace.runtime.callbacks import Expected
from millrace.runtime.tokens import CALLBACKS, AlreadyAnsweredError, callback_id_prefix


class CallbackOrderError(ValueError):
    """A step that waits for a callback was created after the Api that receives callbacks."""


class Callbacks(Construct):
    """The callbacks of a bus. It has no resources until a step waits."""

    def __init__(self, scope: Construct, key: kms.IKey | None) -> None:
        super().__init__(scope, "Callbacks")
        self._key = key
        self._apis: list[str] = []
        self._events: dict[type[Event], None] = {}
        self._machines: list[str] = []

    @cached_property
    def table(self) -> dynamodb.Table:
        """The task tokens; an item expires 20 days after its callback."""
        return expiring_table(self, "Tokens", self._key)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variable that names the table."""
        return {CALLBACKS: self.table.table_name}

    def connect_api(self, api: str) -> list[type[Event]]:
        """Return the events that steps on this bus wait for. Steps that are created later raise an error.

        The OpenAPI document of the API describes these events, so they must be complete.
        """
        self._apis.append(api)
        return list(self._events)

    def add_waiting_step(self, path: str, machine: sfn.StateMachine, expected: Expected) -> None:
        """Register a step that waits for a callback. Raises CallbackOrderError."""
        if self._apis:
            names = ", ".join(event.__name__ for event in expected.events)
            raise CallbackOrderError(
                f"{path} waits for {names}, but {self._apis[0]} was created earlier, without this callback: "
                f"create the Api after all mediators, or set callbacks=False."
            )
        self._events |= dict.fromkeys(expected.events)
        if machine.state_machine_arn not in self._machines:
            self._machines.append(machine.state_machine_arn)

    def grant_create(self, role: iam.IRole, owner: str) -> None:
        """Allow a step to store task tokens, in items whose ids start with its own prefix."""
        grant_items(role, self.table, ["UpdateItem"], operator="StringLike", keys=f"{callback_id_prefix(owner)}-*")

    def grant_complete(self, role: iam.IRole) -> None:
        """Allow a function to read task tokens, and to complete tasks of the state machines that wait."""
        actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=[self.table.table_arn]))
        grant_key(self._key, role, "dynamodb", TABLE_ACTIONS)
        role.add_to_principal_policy(iam.PolicyStatement(actions=["states:SendTaskSuccess"], resources=self._machines))


@jsii.implements(sfn.IChainable)
class WaitingTask:
    """The two states of a step that waits, used as one: the function is invoked to request, then with the answer."""

    def __init__(self, request: tasks.LambdaInvoke, resume: tasks.LambdaInvoke) -> None:
        self.states = [request, resume]
        request.add_catch(resume, errors=[AlreadyAnsweredError.__name__], result_path="$.answer")
        request.next(resume)

    @property
    def id(self) -> str:
        """The id of the first state."""
        return str(self.states[0].id)

    @property
    def start_state(self) -> sfn.State:
        """The first state."""
        return self.states[0]

    @property
    def end_states(self) -> list[sfn.INextable]:
        """The end states of the second state."""
        return list(self.states[1].end_states)

    def next(self, following: sfn.IChainable) -> sfn.Chain:
        """Continue with another state after the answer."""
        chain: sfn.Chain = sfn.Chain.custom(self.states[0], self.end_states, self.states[1]).next(following)
        return chain

    def add_catch(self, handler: sfn.IChainable, *, result_path: str, errors: list[str] | None = None) -> "WaitingTask":
        """Catch errors of both states."""
        for state in self.states:
            state.add_catch(handler, result_path=result_path, errors=errors)
        return self
