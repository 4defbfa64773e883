"""TestState: runs a single state, with the service that it calls or a mock of it.

https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html
"""

import asyncio
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import strict
from millrace.local.services.stepfunctions.interpreter import (
    Activities,
    Environment,
    Execution,
    Identity,
    Observer,
    Probe,
    TaskTokens,
)
from millrace.local.services.stepfunctions.interpreter.definition import (
    InvalidDefinitionError,
    StateMachine,
    parse,
    parse_resource,
)
from millrace.local.services.stepfunctions.mock_results import check_result
from millrace.local.services.stepfunctions.mocked_integrations import MockedIntegrations
from millrace.local.services.stepfunctions.mocks import Mock, Return, Throw
from millrace.local.services.stepfunctions.requests import Params, Result, given

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Node = dict[str, Any]
_DEFAULT_NAME = "StateName"
_MOCK_ONLY = (
    "TestState API does not support Map or Parallel states. "
    "Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"
)
_ONE_OF = "A test mock should have only one of the following fields: [result, errorOutput]."
_WRONG_COUNT = "Mocked result must contain the same number of items as number of Parallel branches."
_THRESHOLD = ("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded")
_OF_TASKS = frozenset({"QueryLanguage", "Comment", "InputPath", "OutputPath", "ResultPath", "ResultSelector", "Next"})
_OF_TASKS |= frozenset({"End", "Retry", "Catch", "Assign", "Output"})
_MOCKED_RESOURCE = "arn:aws:states:::states:startExecution"


class TestStateOperation:
    """Runs states. `environment` has the integrations of tests without a mock."""

    __test__ = False  # for pytest

    def __init__(self, region: "AccountRegion", environment: Environment) -> None:
        self._region = region
        self._environment = environment

    async def test(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html."""
        name, state, language = _tested_state(params)
        _check(params, state)
        text = params.get("input", "{}")
        _json(text, "InvalidExecutionInput", "Invalid State Machine Execution Input")
        probe = _probe(params, state)
        identity = self._identity(params)
        environment = self._environment_of(params, identity, name, state)
        machine = _parsed(_isolated(name, state, language))
        execution = Execution(machine, identity, text, environment, Observer(), probe)
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        execution.when_ended(lambda _execution: ended.set_result(None))
        execution.start()
        await ended
        return _result(params, state, execution, probe)

    def _identity(self, params: Params) -> Identity:
        tested, arn = f"TestState-{uuid.uuid4()}", f"arn:aws:states:{self._region.name}:{self._region.account}"
        return Identity(
            f"{arn}:express:{tested}:{uuid.uuid4()}",
            tested,
            f"{arn}:stateMachine:{tested}",
            tested,
            params.get("roleArn", ""),
            express=True,
        )

    def _environment_of(self, params: Params, identity: Identity, name: str, state: Node) -> Environment:
        tokens, scheduler = TaskTokens(), self._environment.scheduler
        integrations = MockedIntegrations(self._environment.integrations, tokens, scheduler)
        if "mock" in params:
            integrations.mocks[identity.machine_name, name] = Mock((_response(params, state),))
        return replace(self._environment, integrations=integrations, tokens=tokens, activities=Activities())


def _parsed(definition: Node) -> StateMachine:
    try:
        return parse(definition)
    except InvalidDefinitionError as error:
        raise ApiError("InvalidDefinition", str(error)) from error


def _tested_state(params: Params) -> tuple[str, Node, str]:
    """Return the name, the definition and the default query language of the tested state."""
    definition = _json(params["definition"], "InvalidDefinition", "Invalid State Machine Definition")
    if not isinstance(definition, dict):
        raise ApiError("InvalidDefinition", "Invalid State Machine Definition: 'a definition is an object'")
    wanted = params.get("stateName")
    if wanted is None:
        return _DEFAULT_NAME, definition, definition.get("QueryLanguage", "JSONPath")
    found = next((state for name, state in _states(definition) if name == wanted), None)
    if found is None:
        raise ApiError("ValidationException", "State not found in definition")
    return wanted, found, definition.get("QueryLanguage", "JSONPath")


def _states(definition: Node) -> Iterator[tuple[str, Node]]:
    """Yield all states, at any depth."""
    waiting: list[Any] = [definition]
    while waiting:
        scope = waiting.pop()
        states = scope.get("States") if isinstance(scope, dict) else None
        for name, state in (states if isinstance(states, dict) else {}).items():
            if isinstance(state, dict):
                yield name, state
                waiting += [*(state.get("Branches") or ()), state.get("ItemProcessor"), state.get("Iterator")]


def _check(params: Params, state: Node) -> None:
    """Raise ApiError for a combination of parameters that TestState does not support."""
    kind, mock = state.get("Type"), params.get("mock")
    if mock is None:
        _check_without_mock(params, state)
    elif kind in ("Pass", "Fail", "Succeed", "Wait", "Choice"):
        raise ApiError("ValidationException", f"State type '{kind}' is not supported when a mock is specified")
    elif params.get("revealSecrets"):
        raise ApiError("ValidationException", "TestState does not support RevealSecrets when a mock is specified.")
    elif ("result" in mock) == ("errorOutput" in mock):
        raise ApiError("ValidationException", _ONE_OF)
    elif "result" in mock:
        _check_result(mock, state)


def _check_without_mock(params: Params, state: Node) -> None:
    if state.get("Type") in ("Map", "Parallel"):
        raise ApiError("InvalidDefinition", _MOCK_ONLY)
    if "context" in params:
        raise ApiError("ValidationException", "TestState supports Context only when a mock is specified.")
    if state.get("Type") == "Task":
        resource = parse_resource(str(state.get("Resource")))
        if resource and (resource.pattern or resource.service == "activity"):
            reason = f"TestState supports the resource {resource.arn} only when a mock is specified."
            raise ApiError("InvalidDefinition", reason)
        if "roleArn" not in params:
            raise ApiError("ValidationException", "RoleArn must be specified when testing a Task state")


def _check_result(mock: Node, state: Node) -> None:
    try:
        result = strict(mock["result"])
    except ValueError as error:
        raise ApiError("ValidationException", "Mocked result must be valid JSON") from error
    if state.get("Type") == "Map" and "ResultWriter" in state and not isinstance(result, dict):
        raise ApiError("ValidationException", "Mocked result must be a JSON object.")
    if state.get("Type") in ("Map", "Parallel") and "ResultWriter" not in state and not isinstance(result, list):
        raise ApiError("ValidationException", "Mocked result must be an array.")
    if state.get("Type") == "Parallel" and len(result) != len(state.get("Branches", ())):
        raise ApiError("ValidationException", _WRONG_COUNT)
    resource = parse_resource(str(state.get("Resource"))) if state.get("Type") == "Task" else None
    if resource:
        check_result(resource, result, mock.get("fieldValidationMode", "STRICT"))


def _isolated(name: str, state: Node, language: str) -> Node:
    """Return a state machine of one state, with a state for each transition. A mocked Map or Parallel is a task."""
    if state.get("Type") in ("Map", "Parallel"):
        kept = _OF_TASKS | ({"Parameters", "Arguments"} if state["Type"] == "Parallel" else set())
        state = {key: value for key, value in state.items() if key in kept}
        state |= {"Type": "Task", "Resource": _MOCKED_RESOURCE}
    branches = [state, *_objects(state.get("Catch")), *_objects(state.get("Choices"))]
    targets = {str(each[key]) for each in branches for key in ("Next", "Default") if key in each}
    states = {target: {"Type": "Succeed"} for target in targets} | {name: state}
    return {"QueryLanguage": language, "StartAt": name, "States": states}


def _objects(value: Any) -> list[Node]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _probe(params: Params, state: Node) -> Probe:
    count = params.get("stateConfiguration", {}).get("retrierRetryCount", 0)
    return Probe(
        retries=dict.fromkeys(range(len(_objects(state.get("Retry")))), count),
        context=_object(params, "context"),
        variables=_object(params, "variables"),
    )


def _object(params: Params, name: str) -> dict[str, Any]:
    """Return the JSON object of a parameter."""
    value = _json(params.get(name, "{}"), "ValidationException", f"Invalid {name}")
    if not isinstance(value, dict):
        raise ApiError("ValidationException", f"Invalid {name}: it must be a JSON object.")
    return value


def _json(text: str, code: str, what: str) -> Any:
    try:
        return strict(text)
    except ValueError as error:
        raise ApiError(code, f"{what}: '{error}'") from error


def _response(params: Params, state: Node) -> Return | Throw:
    """Return the mocked result or error; the error of a Map with too many failed iterations."""
    error = params["mock"].get("errorOutput")
    if error is not None:
        return Throw(error.get("error", ""), error.get("cause", ""))
    failures = params.get("stateConfiguration", {}).get("mapIterationFailureCount", 0)
    tolerated = state.get("ToleratedFailureCount")
    if isinstance(tolerated, int) and failures > tolerated:
        return Throw(*_THRESHOLD)
    return Return(json.loads(params["mock"]["result"]))


def _result(params: Params, state: Node, execution: Execution, probe: Probe) -> Result:
    result: Result = {
        "status": probe.status,
        "output": execution.output,
        "error": probe.error.error if probe.error else None,
        "cause": probe.error.cause if probe.error else None,
        "nextState": probe.next_state,
    }
    if params.get("inspectionLevel", "INFO") != "INFO":
        result["inspectionData"] = {"input": execution.input, **_inspection(state, probe)}
    return given(result)


def _inspection(state: Node, probe: Probe) -> dict[str, Any]:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_InspectionData.html."""
    data, kind = dict(probe.inspection), state.get("Type")
    if "result" in data and "afterArguments" not in data:
        data.setdefault("afterResultSelector", data["result"])
    unused = {
        "Pass": ("afterInputPath", "afterParameters") if "Result" in state else ("result",),
        "Map": ("afterParameters", "result"),
    }
    for name in unused.get(str(kind), ()):
        data.pop(name, None)
    return data | (_limits(state) if kind == "Map" else {})


def _limits(state: Node) -> dict[str, float]:
    limits = {
        "maxConcurrency": state.get("MaxConcurrency", 0),
        "toleratedFailureCount": state.get("ToleratedFailureCount"),
        "toleratedFailurePercentage": state.get("ToleratedFailurePercentage"),
    }
    return {name: value for name, value in limits.items() if isinstance(value, int | float)}
