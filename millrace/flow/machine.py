"""Reads the definition of a state machine: its tasks, their order, and the rules that catch failed executions.

https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-state-machine-structure.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from millrace.flow.assembly import SUB, Assembly, Resource

UNSUCCESSFUL = ("FAILED", "TIMED_OUT", "ABORTED")
"""The statuses of an execution that ended without success."""
REDRIVABLE_SECONDS = 14 * 24 * 3600
"""How long Step Functions can redrive such an execution.

https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""


@dataclass(frozen=True)
class Task:
    """A task state that calls a resource of the template."""

    state: str
    calls: Resource
    body: Mapping[str, Any]

    @property
    def waits(self) -> bool:
        """Whether it waits for a callback."""
        return str(self.body.get("Resource", "")).endswith(".waitForTaskToken")


@dataclass(frozen=True)
class Transition:
    """From one task to the next, or to the one that runs on failure. `label` is the choice between them."""

    source: str
    target: str
    kind: Literal["next", "caught"]
    label: str = ""


class Machine:
    """A state machine. `states` includes the states inside Parallel and Map."""

    def __init__(self, assembly: Assembly, resource: Resource) -> None:
        self._assembly = assembly
        self._resource = resource
        self._ids: list[Any] = []
        self.definition = self._read(resource.properties)
        self.states: dict[str, Mapping[str, Any]] = dict(_states(self.definition))

    def tasks(self) -> list[Task]:
        """The tasks that call a resource of the template."""
        found = ((name, state, self._called(state)) for name, state in self.states.items() if state["Type"] == "Task")
        return [Task(name, called, state) for name, state, called in found if called]

    def meaning(self, task: Task) -> Literal["invokes", "fails-to", "delivers", "uses"]:
        """The kind of edge from the machine to the resource. A task before a Fail state stores the failure."""
        if task.calls.type == "AWS::Lambda::Function":
            return "invokes"
        if task.calls.type in ("AWS::DynamoDB::Table", "AWS::S3::Bucket"):
            return "uses"
        following = self.states.get(task.body.get("Next", ""), {})
        return "fails-to" if following.get("Type") == "Fail" else "delivers"

    def transitions(self) -> Iterator[Transition]:
        """From each task to the tasks that can follow, through choices and waits."""
        names = [task.state for task in self.tasks()]
        tasks = set(names)
        for name in names:
            state = self.states[name]
            yield from (Transition(name, to, "next", label) for to, label in self._following(state, tasks, ""))
            for catch in state.get("Catch", ()):
                for to, label in self._arrived(catch["Next"], tasks, "", frozenset()):
                    yield Transition(name, to, "caught", label)

    def branches(self, name: str) -> list[str]:
        """The first states of the branches of a Parallel state, or of the items of a Map state."""
        return _inner_starts(self.states[name])

    def following(self, name: str) -> list[str]:
        """The states that can follow a state, also after an error that it catches."""
        state = self.states[name]
        return [*(to for to, _ in _exits(state)), *(catch["Next"] for catch in state.get("Catch", ()))]

    def may_refuse(self, name: str) -> bool:
        """Whether the next state is a choice that depends on a refusal."""
        return any(label == "refused" for to in self.following(name) for _, label in _exits(self.states[to]))

    def _following(self, state: Mapping[str, Any], tasks: set[str], label: str) -> Iterator[tuple[str, str]]:
        for to, when in _exits(state):
            yield from self._arrived(to, tasks, when or label, frozenset())

    def _arrived(self, name: str, tasks: set[str], label: str, seen: frozenset[str]) -> Iterator[tuple[str, str]]:
        if name in tasks:
            yield name, label
        elif name not in seen:
            for to, when in [*_exits(self.states[name]), *((first, "") for first in _inner_starts(self.states[name]))]:
                yield from self._arrived(to, tasks, when or label, seen | {name})

    def _called(self, state: Mapping[str, Any]) -> Resource | None:
        text = json.dumps({part: state.get(part) for part in ("Parameters", "Arguments", "Resource")})
        for number, value in enumerate(self._ids):
            if _placeholder(number) in text and (found := self._assembly.named(value, self._resource)):
                return found
        return None

    def _read(self, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        """The definition with a placeholder for each reference; {} for a definition outside the template."""
        match properties.get("Definition") or properties.get("DefinitionString"):
            case {"Fn::Join": [_, parts]}:
                read = json.loads("".join(part if isinstance(part, str) else self._replaced(part) for part in parts))
            case {"Fn::Sub": str(text) | [str(text), *_]}:
                read = json.loads(SUB.sub(lambda found: self._replaced({"Ref": found[1]}), text))
            case str(text):
                read = json.loads(text)
            case body:
                read = self._plain(body)
        definition: Mapping[str, Any] = read or {}
        return definition

    def _plain(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._plain(each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt", "Fn::Join", "Fn::Sub"):
            return self._replaced(value)
        return {key: self._plain(inner) for key, inner in value.items()}

    def _replaced(self, value: Any) -> str:
        self._ids.append(value)
        return _placeholder(len(self._ids) - 1)


def _placeholder(number: int) -> str:
    return f"<reference {number}>"


def _states(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in definition.get("States", {}).items():
        yield name, state
        for inner in _inner(state):
            yield from _states(inner)


def _inner(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = [*state.get("Branches", ()), state.get("ItemProcessor"), state.get("Iterator")]
    return [each for each in found if each]


def _inner_starts(state: Mapping[str, Any]) -> list[str]:
    return [each["StartAt"] for each in _inner(state)]


def _exits(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The states that can come next, each with the choice that leads to it."""
    for choice in state.get("Choices", ()):
        yield choice["Next"], _label(choice)
    for name in ("Default", "Next"):
        if name in state:
            yield state[name], ""


def _label(choice: Mapping[str, Any]) -> str:
    variable = str(choice.get("Condition", choice.get("Variable", "")))
    return "refused" if variable == "$.refused" else variable


def failed_executions(assembly: Assembly, rule: Resource) -> list[Resource]:
    """The state machines for which a rule matches every status in UNSUCCESSFUL.

    https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """
    pattern = rule.properties.get("EventPattern") or {}
    detail = pattern.get("detail", {}) if "aws.states" in pattern.get("source", ()) else {}
    if not all(status in detail.get("status", UNSUCCESSFUL) for status in UNSUCCESSFUL):
        return []
    named = [assembly.named(arn, rule) for arn in detail.get("stateMachineArn", ())]
    return [machine for machine in named if machine]
