"""A simulation's test on other targets: the local cloud over HTTP (`--target local`), or AWS (`--target aws`).

There it runs once, without faults. A test that uses what only a simulation has is skipped by name.
"""

import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from millrace.events import Event, Metadata, encode, put_entry
from millrace.events.claims import claim_with_clients
from millrace.flow.assembly import Assembly
from millrace.operations.cloud import Cloud
from millrace.operations.deployed import DeployedStacks
from millrace.operations.history import Record
from millrace.operations.logs import records_in
from millrace.testing.simulation.simulation import Simulation, SimulationTrace, plain_item, redriven

if TYPE_CHECKING:
    from millrace.local.cloud import LocalCloud

TARGETS = ("simulation", "local", "aws")
TIMEOUT = 600.0
QUIET = 10.0
"""Seconds in which the logs show nothing new when a flow has settled."""
_PAUSE = 1.0


class NotSettledError(AssertionError):
    """The trace from the logs was still changing after the timeout, or contains work that has not succeeded."""


class DeployedScenario:
    """The deployed stacks of a project, with the methods of `Simulation` that need no faults and no virtual clock."""

    target = "AWS"

    def __init__(self, cloud: Cloud, assembly: Path, *, quiet: float = QUIET) -> None:
        self.stacks = DeployedStacks(cloud, Assembly(assembly))
        self.client = cloud.client
        self._quiet = quiet
        self._flows: list[str] = []

    def __getattr__(self, name: str) -> Any:
        """Skip a test that uses what only a simulation has."""
        if hasattr(Simulation, name):
            pytest.skip(f"simulation.{name} is for simulations: {self.target} has no virtual clock and no faults.")
        raise AttributeError(name)

    @cached_property
    def bus(self) -> str:
        """The name of the only bus of the stacks."""
        buses = self.stacks.assembly.of("Events::EventBus")
        if len(buses) != 1:
            raise LookupError(f"The stacks have {len(buses)} buses: pass bus=.")
        return self.stacks.name(buses[0])

    def put(self, event: Event, *, bus: str | None = None, metadata: Metadata | None = None) -> Metadata:
        """Put an event onto the bus and return its metadata."""
        name = bus or self.bus
        known = metadata or Metadata.root(producer="test", version=event.contract.version)
        envelope = claim_with_clients(encode(event.stamped(known)), name, self.client)
        answer = self.client("events").put_events(Entries=[put_entry(envelope, name)])
        if answer["FailedEntryCount"]:
            raise ValueError(f"{type(event).__name__} was rejected: {answer['Entries'][0]}")
        self._flows.append(known.correlation_id)
        return known

    def settle(self, timeout: float = TIMEOUT) -> None:
        """Wait until the trace of all flows from the logs is complete. Raises NotSettledError."""
        end, changed, before = time.monotonic() + timeout, time.monotonic(), ""
        while (now := time.monotonic()) < end:
            trace = self.trace
            if repr(trace) != before:
                before, changed = repr(trace), now
            elif now - changed >= self._quiet and not (_unfinished(trace) or self._running()):
                return
            time.sleep(_PAUSE)
        raise NotSettledError(f"Not settled after {timeout:g} seconds: {_unfinished(self.trace) or 'the logs change'}.")

    def _running(self) -> bool:
        machines = self.stacks.assembly.of("StepFunctions::StateMachine")
        listed = self.client("stepfunctions").list_executions
        return any(
            listed(stateMachineArn=self.stacks.name(each), statusFilter="RUNNING")["executions"] for each in machines
        )

    @property
    def trace(self) -> SimulationTrace:
        """What has happened to the events of this test so far."""
        return SimulationTrace(tuple(sorted(self._records(), key=lambda each: each.at)))

    def _records(self) -> Iterator[Record]:
        functions = self.stacks.assembly.of("Lambda::Function")
        groups = sorted(set(self.stacks.log_groups(functions)))
        for flow in self._flows:
            yield from records_in(self.client("logs"), groups, flow)

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return the items of the table whose name contains a text. Raises LookupError unless exactly one does."""
        tables = self.stacks.assembly.of("DynamoDB::Table", "DynamoDB::GlobalTable")
        names = [name for name in map(self.stacks.name, tables) if table.lower() in name.lower()]
        if len(names) != 1:
            raise LookupError(f"{len(names)} tables have {table!r} in their names: {', '.join(names) or 'none'}.")
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=names[0])
        return [plain_item(item) for page in pages for item in page["Items"]]

    def stop_faults(self) -> None:
        """Do nothing: there are no faults."""

    def redrive(self) -> int:
        """Redrive all dead letters and settle, until none is left. Return how many there were. Raises RedriveError."""
        return redriven(self.stacks, self.settle)


class LocalScenario(DeployedScenario):
    """The stacks in a local cloud, over HTTP."""

    target = "the local cloud"

    def __init__(self, local: "LocalCloud", assembly: Path) -> None:
        keys = local.environment()
        super().__init__(Cloud(local.endpoint_url, keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"]), assembly)
        self._local = local

    def settle(self, timeout: float = TIMEOUT) -> None:
        """Run until nothing is in progress; idle time is skipped. Raises NotSettledError."""
        self._local.settle(timeout)

    def advance(self, *, hours: float = 0.0, seconds: float = 0.0) -> None:
        """Let time pass, and run everything that is due meanwhile, schedules too."""
        self._local.advance(hours=hours, seconds=seconds)

    def _records(self) -> Iterator[Record]:
        history = self._local.region.history
        for flow in self._local.on_loop(history.flows):
            yield from self._local.on_loop(lambda flow=flow: history.flow(flow))  # type: ignore[misc]


def _unfinished(trace: SimulationTrace) -> list[str]:
    """Return the processors whose last attempt at an event failed."""
    last = {(each.name, each.event_id): each.more["outcome"] for each in trace.deliveries()}
    return sorted({name for (name, _), outcome in last.items() if outcome != "ok"})
