"""Estimates what one event causes (deliveries, invocations, state transitions and all that follows) and its price.

The estimate is an upper bound: each function publishes each event that it declares once (a list counts as one event);
each message is a batch of its own; of each unit, the largest amount on any path through a state machine counts, and an
item of a Map state counts once. Retries and a handler's own table accesses are not included.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.events import Refusal
from millrace.flow.findings import System
from millrace.flow.graph import INGRESS_KINDS, Node
from millrace.flow.machine import Machine, Task

Amounts = dict[str, float]
_GB = 1e9
_CHUNK = 65_536
RECORD_UNIT_BYTES = 25_600
"""A longer record of a stream is billed as several ones."""
_REQUESTS_OF_A_MESSAGE = 3
"""Send, receive and delete."""
_WRITES_OF_A_RECORD = 2
"""An idempotency record is written before and after the handler runs."""
_WRITES_OF_A_CALLBACK = 5
"""Create, open and answer the callback; mark it as answered in the ingress and in the step."""
_WRITES_OF_AN_APPEND = 4
"""The event and its position in the store, in a transaction, which counts double."""


PRICES_AS_OF = "2026-11-27"
"""The day on which the prices were last compared with AWS's pages."""
REGION = "us-east-1"
_KINESIS = "https://aws.amazon.com/kinesis/data-streams/pricing/"


@dataclass(frozen=True)
class Price:
    """The price of one unit in US dollars, on demand, without free tiers and discounts; and AWS's page."""

    dollars: float
    unit: str
    page: str


PRICES: Mapping[str, Price] = {
    "events": Price(1.00 / 1e6, "events of up to 64 KB", "https://aws.amazon.com/eventbridge/pricing/"),
    "archived": Price(0.10, "GB archived", "https://aws.amazon.com/eventbridge/pricing/"),
    "queue requests": Price(0.40 / 1e6, "requests of up to 64 KB", "https://aws.amazon.com/sqs/pricing/"),
    "stream records": Price(0.014 / 1e6, "records of up to 25 KB", _KINESIS),
    "invocations": Price(0.20 / 1e6, "invocations", "https://aws.amazon.com/lambda/pricing/"),
    "arm64 time": Price(0.0000133334, "GB-seconds", "https://aws.amazon.com/lambda/pricing/"),
    "x86_64 time": Price(0.0000166667, "GB-seconds", "https://aws.amazon.com/lambda/pricing/"),
    "transitions": Price(0.025 / 1e3, "state transitions", "https://aws.amazon.com/step-functions/pricing/"),
    "table writes": Price(0.625 / 1e6, "writes of up to 1 KB", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "logged": Price(0.50, "GB logged", "https://aws.amazon.com/cloudwatch/pricing/"),
    "alarm metrics": Price(0.10, "metric of an alarm and month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "fast alarm metrics": Price(
        0.30, "metric of an alarm below a minute and month", "https://aws.amazon.com/cloudwatch/pricing/"
    ),
    "composite alarms": Price(0.50, "composite alarm and month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboards": Price(3.00, "dashboard and month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "keys": Price(1.00, "key and month", "https://aws.amazon.com/kms/pricing/"),
    "secrets": Price(0.40, "secret and month", "https://aws.amazon.com/secrets-manager/pricing/"),
    "stream hours": Price(0.04, "hour of an on-demand stream", _KINESIS),
    "shard hours": Price(0.015, "hour of a shard", _KINESIS),
    "retention hours": Price(0.02, "hour of a shard that keeps records for more than a day", _KINESIS),
    "consumer hours": Price(0.015, "hour of a shard and a consumer with enhanced fan-out", _KINESIS),
    "arm64 provisioned": Price(
        0.0000033334, "GB-seconds of provisioned concurrency", "https://aws.amazon.com/lambda/pricing/"
    ),
    "x86_64 provisioned": Price(
        0.0000041667, "GB-seconds of provisioned concurrency", "https://aws.amazon.com/lambda/pricing/"
    ),
    "read unit hours": Price(0.00013, "hours of a read unit", "https://aws.amazon.com/dynamodb/pricing/provisioned/"),
    "write unit hours": Price(0.00065, "hours of a write unit", "https://aws.amazon.com/dynamodb/pricing/provisioned/"),
}
"""The price of each counted unit. Units without an entry are free, such as deliveries in the same account."""


def dollars(amounts: Mapping[str, float]) -> float:
    """The price of all amounts."""
    return sum(PRICES[unit].dollars * amount for unit, amount in amounts.items() if unit in PRICES)


class CyclicFlowError(ValueError):
    """The event causes itself, so its cost has no bound."""


@dataclass(frozen=True)
class Assumptions:
    """Values that no template contains. `keys` is the number of keys of the readings of a stream processor."""

    event_bytes: int = 1024
    log_bytes: int = 1024
    milliseconds: int = 100
    keys: int = 1000


def caused_by(system: System, event: str, assumptions: Assumptions | None = None) -> Amounts:
    """The amounts that one event causes at most, including itself. Raises CyclicFlowError."""
    return _Flow(system, assumptions or Assumptions()).of_event(event)


def roots(system: System) -> list[Node]:
    """The events that start flows: external events, and events that no function of the app publishes."""
    graph = system.graph
    inside = {name for node in graph.functions if node.kind not in INGRESS_KINDS for name in node.publishes}
    return [node for node in graph.of("event") if node.id not in inside and graph.out(node.id, "matches")]


class _Flow:
    def __init__(self, system: System, assumptions: Assumptions) -> None:
        self._system = system
        self._graph = system.graph
        self._assumptions = assumptions
        self._path: list[str] = []

    def of_event(self, name: str) -> Amounts:
        if name in self._path:
            cycle = [*self._path[self._path.index(name) :], name]
            raise CyclicFlowError(f"The events form a cycle: {' → '.join(self._graph[each].name for each in cycle)}.")
        self._path.append(name)
        rules = [edge.target for edge in self._graph.out(name, "matches")]
        targets = [edge.target for rule in rules for edge in self._graph.out(rule, "delivers")]
        put: Amounts = {
            "events": math.ceil(self._assumptions.event_bytes / _CHUNK),
            "deliveries": len(targets),
            "archived": self._archives(rules) * self._assumptions.event_bytes / _GB,
        }
        caused = total([put, *(self._of_target(self._graph[target]) for target in targets)])
        self._path.pop()
        return caused

    def _archives(self, rules: Iterable[str]) -> int:
        """The number of archives on the buses that carry an event; on all buses, where no rule shows which."""
        carrying = {edge.source for rule in rules for edge in self._graph.into(rule, "carries")}
        buses = carrying or {node.id for node in self._graph.of("bus")}
        return sum(len(self._graph.out(bus, "archives")) for bus in buses)

    def _of_target(self, node: Node) -> Amounts:
        """The amounts that the target of a rule causes with one event."""
        if node.kind == "queue":
            chunks = math.ceil(self._assumptions.event_bytes / _CHUNK)
            return total([{"queue requests": _REQUESTS_OF_A_MESSAGE * chunks}, *self._read(node)])
        if node.kind == "stream":
            return total(
                [{"stream records": math.ceil(self._assumptions.event_bytes / RECORD_UNIT_BYTES)}, *self._read(node)]
            )
        if node.kind == "mediator":
            return self._of_machine(node)
        return self._of_function(node, node.publishes) if "function" in node.facts else {}

    def _read(self, source: Node) -> Iterator[Amounts]:
        """The amounts of the functions that read a queue or a stream."""
        for edge in self._graph.out(source.id, "feeds"):
            reader = self._graph[edge.target]
            yield self._of_function(reader, reader.publishes)

    def _of_function(self, node: Node, published: Iterable[str]) -> Amounts:
        """One invocation with the events that it publishes or appends and the machines that it starts."""
        started = [self._of_machine(self._graph[edge.target]) for edge in self._graph.out(node.id, "starts")]
        return total(
            [invocation(node, self._assumptions), *map(self.of_event, published), *started, *self._appended(node)]
        )

    def _appended(self, node: Node) -> Iterator[Amounts]:
        """The relay of an event store publishes the events that a function appends."""
        for edge in self._graph.out(node.id, "appends"):
            relays = [self._graph[feed.target] for feed in self._graph.out(edge.target, "feeds")]
            yield {"table writes": _WRITES_OF_AN_APPEND * len(node.appends)}
            yield from (self._of_function(relay, node.appends) for relay in relays if relay.kind == "relay")

    def _of_machine(self, node: Node) -> Amounts:
        """The most of each unit on any path through a state machine. AWS counts the start as a transition too."""
        if node.resource is None:
            return {}
        machine = Machine(self._system.assembly, node.resource)
        if not machine.states:
            return {}
        tasks = {task.state: task for task in machine.tasks() if task.calls.type == "AWS::Lambda::Function"}
        is_standard = node.resource.properties.get("StateMachineType") != "EXPRESS"
        started: Amounts = {"transitions": 1, "executions": int(is_standard)}
        return total([started, self._from(machine.definition["StartAt"], machine, tasks, {})])

    def _from(self, name: str, machine: Machine, tasks: Mapping[str, Task], known: dict[str, Amounts]) -> Amounts:
        """A state, its branches, and the most that can follow. A loop counts once."""
        if name not in known:
            known[name] = {}
            branches = [self._from(first, machine, tasks, known) for first in machine.branches(name)]
            following = [self._from(to, machine, tasks, known) for to in machine.following(name)]
            results = (False, True) if machine.may_refuse(name) else (False,)
            ran = [self._of_task(tasks[name], refused=refused) for refused in results if name in tasks]
            known[name] = total([{"transitions": 1}, _most(ran), *branches, _most(following)])
        return known[name]

    def _of_task(self, task: Task, *, refused: bool) -> Amounts:
        """One call of a step. A step with a callback publishes its answer in a second call."""
        step = self._system.node_of(task.calls)
        if step is None:
            return {}
        events = set(step.publishes) - set(step.awaits) if task.waits else set(step.awaits or step.publishes)
        ingress = [self._graph[edge.source] for edge in self._graph.into(step.id, "answers")] if task.waits else []
        published = self._published(step, events, refused=refused)
        return total([self._of_function(step, published), *map(self._of_callback, ingress)])

    def _of_callback(self, ingress: Node) -> Amounts:
        return total([invocation(ingress, self._assumptions), {"table writes": _WRITES_OF_A_CALLBACK}])

    def _published(self, step: Node, events: set[str], *, refused: bool) -> list[str]:
        """The refusals of a step where it refuses, else its other events."""
        known = {name: self._graph[name].event for name in step.publishes if name in events}
        return [name for name, event in known.items() if event and issubclass(event, Refusal) is refused]


def invocation(node: Node, assumptions: Assumptions) -> Amounts:
    """One invocation of a function, with its logs and its idempotency record."""
    properties: Mapping[str, Any] = node.resource.properties if node.resource else {}
    gigabytes = properties.get("MemorySize", 128) / 1024
    variables = properties.get("Environment", {}).get("Variables", {})
    (architecture,) = properties.get("Architectures", ["x86_64"])
    return {
        "invocations": 1,
        f"{architecture} time": gigabytes * assumptions.milliseconds / 1000,
        "logged": assumptions.log_bytes / _GB,
        "table writes": _WRITES_OF_A_RECORD if "MILLRACE_IDEMPOTENCY_TABLE" in variables else 0,
    }


def _most(options: Iterable[Amounts]) -> Amounts:
    """The largest amount of each unit."""
    most: Amounts = {}
    for option in options:
        most |= {unit: max(amount, most.get(unit, 0)) for unit, amount in option.items()}
    return most


def total(parts: Iterable[Amounts]) -> Amounts:
    """The sum of each unit, without units of which there are none."""
    sums: Amounts = {}
    for part in parts:
        for unit, amount in part.items():
            sums[unit] = sums.get(unit, 0) + amount
    return {unit: amount for unit, amount in sums.items() if amount}
