"""What one event sets in motion: deliveries, invocations, state transitions, and all that follows from them.

An upper bound: each function says each event that it declares, once (an event of a list counts once); a message is a
batch of its own; of the ways through a state machine, the dearest without failures counts. Retries, and what a
handler does with its own tables, are not counted.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.events import Refusal
from millrace.flow.findings import System
from millrace.flow.graph import DOORS, Node
from millrace.flow.machine import Machine, Task
from millrace.flow.prices import dollars

Amounts = dict[str, float]
_GB = 1e9
_CHUNK = 65_536
_REQUESTS_OF_A_MESSAGE = 3
"""It is sent, received and deleted."""
_WRITES_OF_A_RECORD = 2
"""A record of a handled event is written when the work begins, and when it has ended."""
_WRITES_OF_A_CALLBACK = 5
"""It is begun, opened, given its answer, and, by the door and by the step, known to have it."""
_WRITES_OF_AN_APPEND = 4
"""In one transaction, which counts double: the event, and its place in the order of all."""


class CyclicFlowError(ValueError):
    """An event that causes itself, so that nothing bounds what it costs."""


@dataclass(frozen=True)
class Assumed:
    """What no template says: the size of an event and of the logs of an invocation, in bytes, and its time."""

    event_bytes: int = 1024
    log_bytes: int = 1024
    milliseconds: int = 100


def caused_by(system: System, event: str, assumed: Assumed | None = None) -> Amounts:
    """The most that one event causes, itself included, by what is counted. Raises CyclicFlowError."""
    return _Flow(system, assumed or Assumed()).of_event(event)


def roots(system: System) -> list[Node]:
    """The events with which flows begin: those that come from outside, or that no function here says."""
    graph = system.graph
    inside = {name for node in graph.functions if node.kind not in DOORS for name in node.publishes}
    return [node for node in graph.of("event") if node.id not in inside and graph.out(node.id, "matches")]


class _Flow:
    def __init__(self, system: System, assumed: Assumed) -> None:
        self._system = system
        self._graph = system.graph
        self._assumed = assumed
        self._under_way: list[str] = []

    def of_event(self, name: str) -> Amounts:
        if name in self._under_way:
            way = [*self._under_way[self._under_way.index(name) :], name]
            raise CyclicFlowError(f"The events go round: {' → '.join(self._graph[each].name for each in way)}.")
        self._under_way.append(name)
        rules = [edge.target for edge in self._graph.out(name, "matches")]
        targets = [edge.target for rule in rules for edge in self._graph.out(rule, "delivers")]
        put: Amounts = {
            "events": math.ceil(self._assumed.event_bytes / _CHUNK),
            "deliveries": len(targets),
            "archived": self._archives(rules) * self._assumed.event_bytes / _GB,
        }
        total = _sum([put, *(self._of_target(self._graph[target]) for target in targets)])
        self._under_way.pop()
        return total

    def _archives(self, rules: Iterable[str]) -> int:
        """The archives of the buses that carry an event; of all, where no rule tells which those are."""
        carrying = {edge.source for rule in rules for edge in self._graph.into(rule, "carries")}
        buses = carrying or {node.id for node in self._graph.of("bus")}
        return sum(len(self._graph.out(bus, "archives")) for bus in buses)

    def _of_target(self, node: Node) -> Amounts:
        """What a rule's target does with one event."""
        if node.kind == "queue":
            chunks = math.ceil(self._assumed.event_bytes / _CHUNK)
            return _sum([{"queue requests": _REQUESTS_OF_A_MESSAGE * chunks}, *self._read(node)])
        if node.kind == "stream":
            return _sum([{"stream records": math.ceil(self._assumed.event_bytes / 25_600)}, *self._read(node)])
        if node.kind == "mediator":
            return self._of_machine(node)
        return self._of_function(node, node.publishes) if "function" in node.facts else {}

    def _read(self, source: Node) -> Iterator[Amounts]:
        """What the functions that read a queue or a stream do."""
        for edge in self._graph.out(source.id, "feeds"):
            reader = self._graph[edge.target]
            yield self._of_function(reader, reader.publishes)

    def _of_function(self, node: Node, said: Iterable[str]) -> Amounts:
        """One invocation, what it says, and what it starts or appends."""
        started = [self._of_machine(self._graph[edge.target]) for edge in self._graph.out(node.id, "starts")]
        return _sum([self._invocation(node), *map(self.of_event, said), *started, *self._appended(node)])

    def _invocation(self, node: Node) -> Amounts:
        properties: Mapping[str, Any] = node.resource.properties if node.resource else {}
        gigabytes = properties.get("MemorySize", 128) / 1024
        variables = properties.get("Environment", {}).get("Variables", {})
        (architecture,) = properties.get("Architectures", ["x86_64"])
        return {
            "invocations": 1,
            f"{architecture} time": gigabytes * self._assumed.milliseconds / 1000,
            "logged": self._assumed.log_bytes / _GB,
            "table writes": _WRITES_OF_A_RECORD if "MILLRACE_IDEMPOTENCY_TABLE" in variables else 0,
        }

    def _appended(self, node: Node) -> Iterator[Amounts]:
        """What a function appends to an event store goes through its relay."""
        for edge in self._graph.out(node.id, "appends"):
            relays = [self._graph[feed.target] for feed in self._graph.out(edge.target, "feeds")]
            yield {"table writes": _WRITES_OF_AN_APPEND * len(node.appends)}
            yield from (self._of_function(relay, node.appends) for relay in relays if relay.kind == "relay")

    def _of_machine(self, node: Node) -> Amounts:
        """The dearest way through a state machine."""
        if node.resource is None:
            return {}
        machine = Machine(self._system.assembly, node.resource)
        return max((self._of_way(machine, way) for way in machine.routes()), key=dollars, default={})

    def _of_way(self, machine: Machine, way: list[tuple[str, bool]]) -> Amounts:
        """One way: states that are entered, each with whether it leads on to a refusal. A start counts as one, too."""
        tasks = {task.state: task for task in machine.tasks() if task.calls.type == "AWS::Lambda::Function"}
        ran = [(tasks[state], refused) for state, refused in way if state in tasks]
        return _sum([{"transitions": len(way) + 1}, *(self._of_task(task, refused=refused) for task, refused in ran)])

    def _of_task(self, task: Task, *, refused: bool) -> Amounts:
        """A call of a step. One that asks is answered by way of the door, and says then what it was answered."""
        step = self._system.node_of(task.calls)
        if step is None:
            return {}
        said = set(step.publishes) - set(step.awaits) if task.waits else set(step.awaits or step.publishes)
        doors = [self._graph[edge.source] for edge in self._graph.into(step.id, "answers")] if task.waits else []
        return _sum([self._of_function(step, self._says(step, said, refused=refused)), *map(self._answered, doors)])

    def _answered(self, door: Node) -> Amounts:
        return _sum([self._invocation(door), {"table writes": _WRITES_OF_A_CALLBACK}])

    def _says(self, step: Node, said: set[str], *, refused: bool) -> list[str]:
        """What a step says on a way: its refusals where it refuses, else the others."""
        known = {name: self._graph[name].event for name in step.publishes if name in said}
        return [name for name, event in known.items() if event and issubclass(event, Refusal) is refused]


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for unit, amount in part.items():
            total[unit] = total.get(unit, 0) + amount
    return {unit: amount for unit, amount in total.items() if amount}
