"""The callbacks of a bus: the table of the tokens, the tasks that wait, and the doors at which they are answered."""

from functools import cached_property

import jsii
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from millrace.constructs.bus.encryption import TABLE, grant_key
from millrace.constructs.stores.kept import short_lived_table
from millrace.events import Event
from millrace.runtime.callbacks import Expected
from millrace.runtime.tokens import CALLBACKS, AlreadyAnswered, places_of


class TooLate(ValueError):
    """A step waits for an answer, and the API at whose door that comes in is made already."""


class Callbacks(Construct):
    """What waits on a bus. Until something does, nothing is made."""

    def __init__(self, scope: Construct, key: kms.IKey | None) -> None:
        super().__init__(scope, "Callbacks")
        self._key = key
        self._doors: list[str] = []
        self._answers: dict[type[Event], None] = {}
        self._machines: list[str] = []

    @cached_property
    def table(self) -> dynamodb.Table:
        """The tokens, under the key of the bus; an item ends 20 days after its waiting."""
        return short_lived_table(self, "Tokens", self._key)

    @property
    def environment(self) -> dict[str, str]:
        """What tells a function where the tokens are."""
        return {CALLBACKS: self.table.table_name}

    def answers_at(self, api: str) -> list[type[Event]]:
        """The events that something on this bus waits for, to be let in at an API. Nothing more can wait from then on.

        The API's document tells of them.
        """
        self._doors.append(api)
        return list(self._answers)

    def expect(self, place: str, machine: sfn.StateMachine, expected: Expected) -> None:
        """Let a machine's step wait. Raises TooLate."""
        if self._doors:
            raise TooLate(
                f"{place} waits for {', '.join(event.__name__ for event in expected.events)}, and {self._doors[0]} is "
                f"made already, without a door for that: make the Api after whatever waits, or say callbacks=False."
            )
        self._answers |= dict.fromkeys(expected.events)
        if machine.state_machine_arn not in self._machines:
            self._machines.append(machine.state_machine_arn)

    def let_ask(self, role: iam.IRole, owner: str) -> None:
        """Let a step keep its own tokens, by what the names of its items begin with, and touch no others.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        """
        own: dict[str, object] = {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{places_of(owner)}-*"]},
            "Null": {"dynamodb:LeadingKeys": "false"},
        }
        self._allow(role, ["dynamodb:UpdateItem"], own)

    def let_answer(self, role: iam.IRole) -> None:
        """Let a door find a token, and end the tasks of just these machines with it."""
        self._allow(role, ["dynamodb:GetItem", "dynamodb:UpdateItem"], {})
        sending = iam.PolicyStatement(actions=["states:SendTaskSuccess"], resources=self._machines)
        role.add_to_principal_policy(sending)

    def _allow(self, role: iam.IRole, actions: list[str], conditions: dict[str, object]) -> None:
        statement = iam.PolicyStatement(actions=actions, resources=[self.table.table_arn], conditions=conditions)
        role.add_to_principal_policy(statement)
        grant_key(self._key, role, "dynamodb", TABLE)


@jsii.implements(sfn.IChainable)
class Asked:
    """The two states of a step that waits, to be used as one: its function asks, and is called with the answer."""

    def __init__(self, ask: tasks.LambdaInvoke, hear: tasks.LambdaInvoke) -> None:
        self.states = [ask, hear]
        ask.add_catch(hear, errors=[AlreadyAnswered.__name__], result_path="$.answer")
        ask.next(hear)

    @property
    def id(self) -> str:
        """As that of a state."""
        return str(self.states[0].id)

    @property
    def start_state(self) -> sfn.State:
        """Where it begins."""
        return self.states[0]

    @property
    def end_states(self) -> list[sfn.INextable]:
        """Where it goes on from."""
        return list(self.states[1].end_states)

    def next(self, onward: sfn.IChainable) -> sfn.Chain:
        """Go on, once the answer has been heard."""
        chain: sfn.Chain = sfn.Chain.custom(self.states[0], self.end_states, self.states[1]).next(onward)
        return chain

    def add_catch(self, handler: sfn.IChainable, *, result_path: str, errors: list[str] | None = None) -> "Asked":
        """Lead the errors of both somewhere."""
        for state in self.states:
            state.add_catch(handler, result_path=result_path, errors=errors)
        return self
