"""Step Functions: state machines and their executions.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
"""

import functools
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from millrace.local.core.errors import ApiError
from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message, TargetDelivery
from millrace.local.services.stepfunctions.activities import Activity, ActivityOperations
from millrace.local.services.stepfunctions.catalog import Catalog, StateMachine
from millrace.local.services.stepfunctions.definitions import check_definition, parsed, validate_definition
from millrace.local.services.stepfunctions.executions import Executions
from millrace.local.services.stepfunctions.interpreter import Activities, Environment, Execution, TaskTokens
from millrace.local.services.stepfunctions.interpreter.integrations import ServiceIntegrations
from millrace.local.services.stepfunctions.mocks import Mock, MockedIntegrations, Response, UnknownMockError
from millrace.local.services.stepfunctions.operations import ExecutionOperations
from millrace.local.services.stepfunctions.records import Records, display_name
from millrace.local.services.stepfunctions.requests import Params, Result, check, operations
from millrace.local.services.stepfunctions.state_machines import StateMachineOperations
from millrace.local.services.stepfunctions.test_state import TestStateOperation
from millrace.local.services.stepfunctions.versions import VersionOperations

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Answer = Callable[[Params], Result | Awaitable[Result]]


class StepFunctions(Service):
    """The state machines, activities and executions of an account and region."""

    arn_name = "states"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("states:StartExecution",), role_required=True)
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html."""

    def __init__(self, region: "AccountRegion") -> None:
        super().__init__(region)
        self.answers = {f"AWSStepFunctions.{name}": functools.partial(self._answer, name) for name in operations()}
        self._clear()

    def _clear(self) -> None:
        region, tokens, activities = self.region, TaskTokens(), Activities()
        self._mocked = MockedIntegrations(ServiceIntegrations(region), tokens, region.scheduler)
        environment = Environment(region.scheduler, self._mocked, tokens, activities)
        self.tokens = tokens
        self._catalog = Catalog(region.clock)
        self.executions = Executions(self._catalog, environment, Records(region), parsed)
        self._activities = ActivityOperations(region, activities, tokens)
        self._operations: Mapping[str, Answer] = {
            **StateMachineOperations(
                region, self._catalog, check_definition, self._tagged, self.executions.delete
            ).answers,
            **VersionOperations(self._catalog).answers,
            **ExecutionOperations(region.scheduler, self._catalog, self.executions).answers,
            **self._activities.answers,
            "TestState": TestStateOperation(region, environment).test,
            "ValidateStateMachineDefinition": validate_definition,
        }

    def _answer(self, operation: str, params: Params) -> Result | Awaitable[Result]:
        check(operation, params)
        return self._operations[operation](params)

    def call(self, operation: str, params: Params) -> Result | Awaitable[Result]:
        """Run an operation by its name, as a task of a state machine does. Raises ApiError."""
        return self._answer(operation, params)

    def start(self, arn: str, text: str, *, name: str | None = None) -> Execution:
        """Start an execution. Raises LookupError if the state machine does not exist."""
        try:
            return self.executions.start(arn, text, name)
        except ApiError as error:
            if error.code == "StateMachineDoesNotExist":
                raise LookupError(error.message) from error
            raise

    def all_executions(self) -> list[Execution]:
        """Return all executions, newest first."""
        return self.executions.all()

    def deliver(self, message: Message) -> None:
        """Start an execution."""
        name = _execution_name(message.delivery) if message.delivery else None
        self.start(message.target["Arn"], message.body, name=name)

    def machine_of(self, task_token: str) -> str:
        """Return the ARN of the state machine that waits for a task token; "" for an unknown token."""
        return self.tokens.machine_of(task_token)

    def mock(self, name: str, state: str, responses: tuple[Response, ...]) -> Mock:
        """Mock a task of the state machine with a name, or with a name in its definition's comment."""
        machines = list(self._catalog.machines.values())
        found = next((each for each in machines if name in (each.name, _shown_name(each))), None)
        if found is None:
            known = ", ".join(sorted(map(_shown_name, machines))) or "none"
            raise UnknownMockError(f"There is no state machine {name!r}. Deployed state machines: {known}.")
        return self._mocked.add(found.name, parsed(found.revision.definition), state, responses)

    def reset(self) -> None:
        """Stop and drop everything."""
        self.executions.reset()
        self._clear()

    def _tagged(self, arn: str) -> StateMachine | Activity:
        found = self._catalog.machines.get(arn) or self._activities.activities.get(arn)
        if found is None:
            raise ApiError("ResourceNotFound", f"Resource not found: '{arn}'")
        return found


def _shown_name(machine: StateMachine) -> str:
    return display_name(machine.revision.definition, machine.name)


def _execution_name(delivery: TargetDelivery) -> str:
    """Return a name that is the same for each attempt to deliver an event from a rule to a target."""
    source = (delivery.rule.arn, delivery.target.get("Id"), delivery.envelope.get("replay-name"))
    return f"{delivery.envelope['id']}_{uuid.uuid5(uuid.NAMESPACE_URL, repr(source))}"
