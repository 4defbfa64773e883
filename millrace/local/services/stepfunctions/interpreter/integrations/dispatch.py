"""Finds the integration of a call."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.services.stepfunctions.interpreter.definition import Resource
from millrace.local.services.stepfunctions.interpreter.environment import Call
from millrace.local.services.stepfunctions.interpreter.errors import RUNTIME, StateError
from millrace.local.services.stepfunctions.interpreter.integrations.background import Background
from millrace.local.services.stepfunctions.interpreter.integrations.events import put_events
from millrace.local.services.stepfunctions.interpreter.integrations.executions import Executions
from millrace.local.services.stepfunctions.interpreter.integrations.functions import invoke
from millrace.local.services.stepfunctions.interpreter.integrations.http import invoke_api, invoke_http
from millrace.local.services.stepfunctions.interpreter.integrations.sdk import Sdk
from millrace.local.services.stepfunctions.interpreter.pending import Pending, failed

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

SERVICES = frozenset({"apigateway", "dynamodb", "events", "http", "lambda", "sns", "sqs", "states"})
"""The services of optimized integrations that the local cloud calls."""


def not_run(resource: Resource, state: str) -> str | None:
    """Return what the local cloud does not do of a task; None if it runs the task."""
    service = resource.service
    if not resource.is_integration or service.startswith("aws-sdk:"):
        return None
    if service not in SERVICES:
        known = ", ".join(sorted(SERVICES))
        return f"does not run the integration {service} ({resource.arn}, state '{state}'). It runs {known} and aws-sdk"
    if resource.pattern.startswith("sync") and service != "states":
        return f"does not wait for jobs of {service} ({resource.arn}, state '{state}')"
    return None


class ServiceIntegrations:
    """Calls the services of an account and region. Functions, events and executions need no thread."""

    def __init__(self, region: "AccountRegion") -> None:
        background = Background(region.scheduler)
        sdk = Sdk(region, background)
        self._executions = Executions(region)
        self._others = sdk.call
        self._calls: dict[str, Callable[[Call], Pending]] = {
            "apigateway": lambda call: invoke_api(region, background, call),
            "events": lambda call: put_events(region, call),
            "http": lambda call: invoke_http(region, background, call),
            "lambda": lambda call: invoke(region, call),
            "states": self._executions.start,
        }

    def call(self, call: Call) -> Pending:
        """Call a service; return its response as Step Functions shapes it."""
        if not call.raw and (reason := not_run(call.resource, call.state)):
            return failed(StateError(RUNTIME, f"The local cloud {reason}. Mock the state in a test."))
        if not isinstance(call.parameters, dict) and call.resource.is_integration:
            return failed(StateError(RUNTIME, "The Parameters of a task that calls a service must be an object."))
        return self._calls.get(call.resource.service, self._others)(call)

    def complete(self, call: Call, response: Any) -> Pending:
        """Wait for the execution that a task has started."""
        return self._executions.complete(call, response)
