"""A state machine's definition: which state runs which function, and what comes after it.

https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-state-machine-structure.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from millrace.flow.assembly import SUB, Assembly, Resource

States = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Task:
    """A state that calls a resource of the template."""

    state: str
    calls: Resource
    body: Mapping[str, Any]

    @property
    def waits(self) -> bool:
        """Whether it goes on with an answer to what it has called, and not with what that returns."""
        return str(self.body.get("Resource", "")).endswith(".waitForTaskToken")


@dataclass(frozen=True)
class Way:
    """A way from one task to another: the next one, or the one that runs when it fails; `label` is the choice."""

    source: str
    target: str
    kind: Literal["next", "caught"]
    label: str = ""


class Machine:
    """The states of a machine, those within Parallel and Map among them."""

    def __init__(self, assembly: Assembly, resource: Resource) -> None:
        self._assembly = assembly
        self._resource = resource
        self._ids: list[Any] = []
        self.definition = self._read(resource.properties)
        self.states: dict[str, Mapping[str, Any]] = dict(_states(self.definition))

    def tasks(self) -> list[Task]:
        """The tasks that call a function or a queue of the template."""
        found = ((name, state, self._called(state)) for name, state in self.states.items() if state["Type"] == "Task")
        return [Task(name, called, state) for name, state, called in found if called]

    def meaning(self, task: Task) -> Literal["invokes", "fails-to", "delivers", "uses"]:
        """What a task does with what it calls: one that is followed by a failure keeps what failed."""
        if task.calls.type == "AWS::Lambda::Function":
            return "invokes"
        if task.calls.type in ("AWS::DynamoDB::Table", "AWS::S3::Bucket"):
            return "uses"
        following = self.states.get(task.body.get("Next", ""), {})
        return "fails-to" if following.get("Type") == "Fail" else "delivers"

    def ways(self) -> Iterator[Way]:
        """From each task to those that may follow, past choices and waits."""
        names = [task.state for task in self.tasks()]
        tasks = set(names)
        for name in names:
            state = self.states[name]
            yield from (Way(name, to, "next", label) for to, label in self._following(state, tasks, ""))
            for catch in state.get("Catch", ()):
                for to, label in self._arrived(catch["Next"], tasks, "", frozenset()):
                    yield Way(name, to, "caught", label)

    def routes(self) -> Iterator[list[tuple[str, bool]]]:
        """Each way from the start to an end without failures: the states, and whether a choice after one says refused.

        A way that comes back to a state ends there; of Parallel and Map the first inner state follows.
        """
        if self.states:
            yield from self._routes(self.definition["StartAt"], [])

    def _routes(self, name: str, way: list[tuple[str, bool]]) -> Iterator[list[tuple[str, bool]]]:
        passed = [state for state, _ in way]
        state = self.states[name]
        exits = [*_exits(state), *((first, "") for first in _inner_starts(state))]
        if name in passed or not exits:
            yield [*way, (name, False)]
            return
        for to, label in exits:
            refusing = [*way[:-1], (way[-1][0], True)] if label == "refused" and way else way
            yield from self._routes(to, [*refusing, (name, False)])

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
            if _mark(number) in text and (found := self._assembly.named(value, self._resource)):
                return found
        return None

    def _read(self, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        """The definition with a mark in place of each reference, which JSON cannot hold; {} where it lies elsewhere."""
        match properties.get("Definition") or properties.get("DefinitionString"):
            case {"Fn::Join": [_, parts]}:
                read = json.loads("".join(part if isinstance(part, str) else self._marked(part) for part in parts))
            case {"Fn::Sub": str(text) | [str(text), *_]}:
                read = json.loads(SUB.sub(lambda found: self._marked({"Ref": found[1]}), text))
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
            return self._marked(value)
        return {key: self._plain(inner) for key, inner in value.items()}

    def _marked(self, value: Any) -> str:
        self._ids.append(value)
        return _mark(len(self._ids) - 1)


def _mark(number: int) -> str:
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
    """The states that may come next, each with the choice that leads there."""
    for choice in state.get("Choices", ()):
        yield choice["Next"], _told(choice)
    for name in ("Default", "Next"):
        if name in state:
            yield state[name], ""


def _told(choice: Mapping[str, Any]) -> str:
    variable = str(choice.get("Condition", choice.get("Variable", "")))
    return "refused" if variable == "$.refused" else variable
