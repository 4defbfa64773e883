"""What is checked before moto makes or changes a state machine.

A definition is checked by moto's interpreter, whose import and parsing is a sixth of a start. What it found sound is
noted in a folder, under what was checked and what checked it, and is not checked again at the next start. Names of
resources, which are others at each start, have no part in it.
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

Asked = dict[str, Any]

_CHECKED_BY = Path(__file__).with_name("asl") / "definitions.py"
_PASSED_ON = frozenset({"Arguments", "Parameters"})
_MOST_NAME = 80
_BAD_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")


class MachineChecks:
    """The checks, by the names of the operations. `folder` keeps what was found sound."""

    def __init__(self, machines: "StepFunctions", folder: Path) -> None:
        self._machines = machines
        self._folder = folder
        self.checks: dict[str, Callable[[Asked], None]] = {
            "AWSStepFunctions.CreateStateMachine": self._new,
            "AWSStepFunctions.UpdateStateMachine": self._update,
            "AWSStepFunctions.DeleteStateMachine": lambda asked: machines.forget_machine(asked["stateMachineArn"]),
        }

    def _new(self, asked: Asked) -> None:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html."""
        check_name(asked.get("name", ""))
        self._definition(asked.get("definition", ""), express=asked.get("type") == "EXPRESS")
        existing = self._machines.named(asked["name"])
        if existing and (existing.definition, existing.roleArn) != (asked["definition"], asked.get("roleArn")):
            raise ApiError("StateMachineAlreadyExists", f"State Machine Already Exists: '{existing.arn}'")

    def _update(self, asked: Asked) -> None:
        if asked.get("definition"):
            machine = self._machines.machine(asked["stateMachineArn"])
            self._definition(asked["definition"], express=machine.express)

    def _definition(self, definition: str, *, express: bool) -> None:
        sound = self._folder / _mark(definition, express=express)
        if not sound.exists():
            self._machines.operations.check_definition(definition, express=express)
            self._folder.mkdir(parents=True, exist_ok=True)
            sound.touch()


def _mark(definition: str, *, express: bool) -> str:
    from moto import __version__  # noqa: PLC0415 - as in state.py

    told = json.dumps(
        [__version__, _CHECKED_BY.read_text(), express, _shape(parsed(definition.encode()) or definition)]
    )
    return hashlib.sha256(told.encode()).hexdigest()


def _shape(value: Any, key: str = "", *, passed_on: bool = False) -> Any:
    """A definition without the texts that are only passed on to a service, and without the names of functions."""
    if isinstance(value, dict):
        names_states = key == "States" and not passed_on
        inside = {name: passed_on or (name in _PASSED_ON and not names_states) for name in value}
        return {name: _shape(each, name, passed_on=inside[name]) for name, each in value.items()}
    if isinstance(value, list):
        return [_shape(each, passed_on=passed_on) for each in value]
    if not isinstance(value, str) or "$" in value or "{%" in value:
        return value
    if key == "Resource" and value.startswith("arn:") and ":function:" in value:
        return value.partition(":function:")[0]
    return "" if passed_on else value


def check_name(name: str) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html#StepFunctions-StartExecution-request-name."""
    if not 1 <= len(name) <= _MOST_NAME:
        limit = f"Member must have length between 1 and {_MOST_NAME}"
        raise ApiError(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: {limit}",
        )
    if _BAD_NAME.search(name):
        raise ApiError("InvalidName", f"Invalid Name: '{name}'")
