"""Step Functions: state machines and their executions."""

import functools
import uuid
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from millrace.local.core.errors import ApiError
from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message, TargetDelivery
from millrace.local.services.stepfunctions.mocks import Mocks
from millrace.local.services.stepfunctions.requests import Params, Result, operations

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion
    from millrace.local.services.stepfunctions.api import Api
    from millrace.local.services.stepfunctions.executions import Executions
    from millrace.local.services.stepfunctions.interpreter import Execution


class StepFunctions(Service):
    """Answers the whole API. Its methods run on the scheduler's thread."""

    arn_name = "states"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("states:StartExecution",), role_required=True)
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html."""

    def __init__(self, region: "AccountRegion") -> None:
        super().__init__(region)
        self.answers = {f"AWSStepFunctions.{name}": functools.partial(self.call, name) for name in operations()}

    @functools.cached_property
    def _api(self) -> "Api":
        """The API and its state. The first use imports the interpreter."""
        from millrace.local.services.stepfunctions.api import Api

        return Api(self.region)

    def call(self, operation: str, params: Params) -> Result | Awaitable[Result]:
        """Run an operation by its name. Raises ApiError."""
        return self._api.call(operation, params)

    @property
    def executions(self) -> "Executions":
        """The executions."""
        return self._api.executions

    def start(self, arn: str, text: str, *, name: str | None = None) -> "Execution":
        """Start an execution. Raises LookupError if the state machine does not exist."""
        try:
            return self.executions.start(arn, text, name)
        except ApiError as error:
            if error.code == "StateMachineDoesNotExist":
                raise LookupError(error.message) from error
            raise

    def all_executions(self) -> "list[Execution]":
        """Return all executions, newest first."""
        return self.executions.all()

    def deliver(self, message: Message) -> None:
        """Start an execution."""
        name = _execution_name(message.delivery) if message.delivery else None
        self.start(message.target["Arn"], message.body, name=name)

    def machine_of(self, task_token: str) -> str:
        """Return the ARN of the state machine that waits for a task token; "" for an unknown token."""
        return self._api.tokens.machine_of(task_token)

    def mocks(self, name: str) -> Mocks:
        """Return the mocks of a state machine, by its name or the id of its mediator. Raises UnknownMockError."""
        return self._api.mocks(name)

    def reset(self) -> None:
        """Stop and drop everything."""
        if "_api" in self.__dict__:
            self.executions.reset()
            del self._api


def _execution_name(delivery: TargetDelivery) -> str:
    """Return a name that is the same for each attempt to deliver an event from a rule to a target."""
    source = (delivery.rule.arn, delivery.target.get("Id"), delivery.envelope.get("replay-name"))
    return f"{delivery.envelope['id']}_{uuid.uuid5(uuid.NAMESPACE_URL, repr(source))}"
