"""Checks before moto creates or updates a state machine.

moto's interpreter checks definitions. Its import and parsing take a sixth of a start, so valid definitions are cached
in a folder, by a hash of the definition and of the checks. The hash excludes generated resource names.
"""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import parsed

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.state_machines import StepFunctions

Params = dict[str, Any]

_CHECKS = Path(__file__).with_name("asl") / "definitions.py"
_PARAMETERS = frozenset({"Arguments", "Parameters"})
_MAX_NAME_LENGTH = 80
_INVALID_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")


class StateMachineChecks:
    """The checks by operation. `folder` caches valid definitions."""

    def __init__(self, machines: "StepFunctions", folder: Path) -> None:
        self._machines = machines
        self._folder = folder
        self.checks: dict[str, Callable[[Params], None]] = {
            "AWSStepFunctions.CreateStateMachine": self._create,
            "AWSStepFunctions.UpdateStateMachine": self._update,
            "AWSStepFunctions.DeleteStateMachine": lambda params: machines.delete_executions(params["stateMachineArn"]),
        }

    def _create(self, params: Params) -> None:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html."""
        check_name(params.get("name", ""))
        self._check_definition(params.get("definition", ""), express=params.get("type") == "EXPRESS")
        existing = self._machines.find_by_name(params["name"])
        if existing and (existing.definition, existing.roleArn) != (params["definition"], params.get("roleArn")):
            raise ApiError("StateMachineAlreadyExists", f"State Machine Already Exists: '{existing.arn}'")

    def _update(self, params: Params) -> None:
        if params.get("definition"):
            machine = self._machines.machine(params["stateMachineArn"])
            self._check_definition(params["definition"], express=machine.express)

    def _check_definition(self, definition: str, *, express: bool) -> None:
        valid = self._folder / _cache_key(definition, express=express)
        if not valid.exists():
            self._machines.operations.check_definition(definition, express=express)
            self._folder.mkdir(parents=True, exist_ok=True)
            valid.touch()


def _cache_key(definition: str, *, express: bool) -> str:
    from moto import __version__  # noqa: PLC0415 - importing moto is slow

    content = _without_names(parsed(definition.encode()) or definition)
    key = json.dumps([__version__, _CHECKS.read_text(), express, content])
    return hashlib.sha256(key.encode()).hexdigest()


def _without_names(value: Any, key: str = "", *, in_parameters: bool = False) -> Any:
    """Return a definition without literal parameters of services and without names of functions."""
    if isinstance(value, dict):
        names_states = key == "States" and not in_parameters
        nested = {name: in_parameters or (name in _PARAMETERS and not names_states) for name in value}
        return {name: _without_names(each, name, in_parameters=nested[name]) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_names(each, in_parameters=in_parameters) for each in value]
    if not isinstance(value, str) or "$" in value or "{%" in value:
        return value
    if key == "Resource" and value.startswith("arn:") and ":function:" in value:
        return value.partition(":function:")[0]
    return "" if in_parameters else value


def check_name(name: str) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html#StepFunctions-StartExecution-request-name."""
    if not 1 <= len(name) <= _MAX_NAME_LENGTH:
        limit = f"Member must have length between 1 and {_MAX_NAME_LENGTH}"
        raise ApiError(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: {limit}",
        )
    if _INVALID_NAME.search(name):
        raise ApiError("InvalidName", f"Invalid Name: '{name}'")
