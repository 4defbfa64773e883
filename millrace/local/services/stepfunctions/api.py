"""The whole API of Step Functions in one account and region, with its state."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.activities import Activity, ActivityOperations
from millrace.local.services.stepfunctions.catalog import Catalog, StateMachine
from millrace.local.services.stepfunctions.definitions import check_definition, parsed, validate_definition
from millrace.local.services.stepfunctions.executions import Executions
from millrace.local.services.stepfunctions.interpreter import Activities, Environment, TaskTokens
from millrace.local.services.stepfunctions.interpreter.integrations import ServiceIntegrations
from millrace.local.services.stepfunctions.mocked_integrations import MockedIntegrations
from millrace.local.services.stepfunctions.mocks import Mocks, UnknownMockError
from millrace.local.services.stepfunctions.operations import ExecutionOperations
from millrace.local.services.stepfunctions.records import Records, display_name
from millrace.local.services.stepfunctions.requests import Params, Result, check
from millrace.local.services.stepfunctions.state_machines import StateMachineOperations
from millrace.local.services.stepfunctions.test_state import TestStateOperation
from millrace.local.services.stepfunctions.versions import VersionOperations

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Answer = Callable[[Params], Result | Awaitable[Result]]


class Api:
    """State machines, activities, executions, task tokens and mocks, and the operations on them."""

    def __init__(self, region: "AccountRegion") -> None:
        self.tokens = TaskTokens()
        tasks, self._catalog = Activities(), Catalog(region.clock)
        self._mocked = MockedIntegrations(ServiceIntegrations(region), self.tokens, region.scheduler)
        environment = Environment(region.scheduler, self._mocked, self.tokens, tasks)
        self.executions = Executions(self._catalog, environment, Records(region), parsed)
        self._activities = ActivityOperations(region, tasks, self.tokens)
        machines = StateMachineOperations(region, self._catalog, check_definition, self._tagged, self.executions.delete)
        self._operations: Mapping[str, Answer] = {
            **machines.answers,
            **VersionOperations(self._catalog).answers,
            **ExecutionOperations(self._catalog, self.executions).answers,
            **self._activities.answers,
            "TestState": TestStateOperation(region, environment).test,
            "ValidateStateMachineDefinition": validate_definition,
        }

    def call(self, operation: str, params: Params) -> Result | Awaitable[Result]:
        """Run an operation by its name. Raises ApiError."""
        check(operation, params)
        return self._operations[operation](params)

    def mocks(self, name: str) -> Mocks:
        """Return the mocks of the state machine with a name, or with this comment in its definition."""
        machines = list(self._catalog.machines.values())
        found = next((each for each in machines if name in (each.name, _shown_name(each))), None)
        if found is None:
            known = ", ".join(sorted(map(_shown_name, machines))) or "none"
            raise UnknownMockError(f"There is no state machine {name!r}. Deployed state machines: {known}.")
        return self._mocked.of_machine(found.name, parsed(found.revision.definition, express=found.express))

    def _tagged(self, arn: str) -> StateMachine | Activity:
        found = self._catalog.machines.get(arn) or self._activities.activities.get(arn)
        if found is None:
            raise ApiError("ResourceNotFound", f"Resource not found: '{arn}'")
        return found


def _shown_name(machine: StateMachine) -> str:
    return display_name(machine.revision.definition, machine.name)
