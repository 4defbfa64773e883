"""`Simulation`: the deployed stacks in one run, as a test sees them."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from millrace.events import Event, Metadata
from millrace.flow.assembly import Assembly
from millrace.local.core.http import Request, Response
from millrace.local.services.eventbridge import HttpRequest, HttpResponse
from millrace.local.simulation import SimulatedCloud, SimulatedFaults
from millrace.operations import dead_letters
from millrace.operations.cloud import Cloud
from millrace.operations.deployed import DeployedStacks
from millrace.operations.history import Record

REDRIVES = 5
"""Rounds of redrive() before it raises an error. Without faults, one is enough for most systems."""


class RedriveError(AssertionError):
    """Dead letters were left after several redrives without faults."""


def name_of(event: type[Event] | str) -> str:
    """Return the detail-type of an event class."""
    return event if isinstance(event, str) else event.__name__


@dataclass(frozen=True)
class SimulationTrace:
    """What happened in a run so far, over all flows, in the order of virtual time."""

    records: tuple[Record, ...]

    def events(self, of: type[Event] | str | None = None) -> list[Record]:
        """Return the events, or those of one class: each publication is one record."""
        return [each for each in self.records if each.kind == "event" and (of is None or each.name == name_of(of))]

    def count(self, of: type[Event] | str) -> int:
        """Return how many different events of a class were published."""
        return len({each.event_id for each in self.events(of)})

    def deliveries(self, of: type[Event] | str | None = None, to: str | None = None) -> list[Record]:
        """Return the attempts to process events, or those of an event class or by one processor."""
        attempts = [each for each in self.records if each.kind == "attempt"]
        chosen = [each for each in attempts if of is None or each.more.get("event") == name_of(of)]
        return [each for each in chosen if to in (None, each.name)]

    def dead_letters(self) -> list[Record]:
        """Return what moved to a dead-letter queue."""
        return [each for each in self.records if each.kind == "dead-letter"]

    def executions(self) -> dict[str, str]:
        """Return the last status of each execution of a state machine, by its ARN."""
        return {each.more["execution"]: each.more["status"] for each in self.records if each.kind == "execution"}

    def names(self) -> Counter[str]:
        """Count the publications of each event class."""
        return Counter(each.name for each in self.events())


class Simulation:
    """One run of the deployed stacks. It begins with what was deployed, and nothing else."""

    def __init__(self, cloud: SimulatedCloud, faults: SimulatedFaults, stacks: DeployedStacks | None) -> None:
        self.cloud = cloud
        self.faults = faults
        self._stacks = stacks

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service."""
        return self.cloud.client(service)

    def resource(self, service: str) -> Any:
        """Return the boto3 resource of a service."""
        return self.cloud.resource(service)

    @cached_property
    def bus(self) -> str:
        """The name of the only bus of the stacks, besides the default bus."""
        names = [name for name in self.cloud.region.backends.events.event_buses if name != "default"]
        if len(names) != 1:
            raise LookupError(f"The stacks have {len(names)} buses ({', '.join(sorted(names))}): pass bus=.")
        return str(names[0])

    def put(self, event: Event, *, bus: str | None = None, metadata: Metadata | None = None) -> Metadata:
        """Put an event onto the bus and return its metadata."""
        return self.cloud.put(event, bus=bus or self.bus, metadata=metadata)

    def settle(self) -> None:
        """Run until nothing is in progress. Raises NotSettledError if events cause each other without end."""
        self.cloud.settle()

    def advance(self, *, hours: float = 0.0, seconds: float = 0.0) -> None:
        """Let virtual time pass, and run everything that is due meanwhile, schedules too."""
        self.cloud.advance(hours=hours, seconds=seconds)

    @property
    def now(self) -> float:
        """The virtual time in seconds since 1970."""
        return self.cloud.clock.now()

    @property
    def trace(self) -> SimulationTrace:
        """What has happened so far."""
        return SimulationTrace(tuple(self.cloud.story.records))

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return the items of the table whose name contains a text. Raises LookupError unless exactly one does."""
        names = [name for name in self.cloud.region.backends.dynamodb.tables if table.lower() in name.lower()]
        if len(names) != 1:
            raise LookupError(f"{len(names)} tables have {table!r} in their names: {', '.join(names) or 'none'}.")
        pages = self.cloud.client("dynamodb").get_paginator("scan").paginate(TableName=names[0])
        return [plain_item(item) for page in pages for item in page["Items"]]

    def on(self, event: type[Event] | str, do: Callable[[Mapping[str, Any]], object]) -> None:
        """Call a function with the data of each event of a class: an external system that subscribes to it.

        As any subscriber, it can receive an event late or twice.
        """
        from millrace.local.services.eventbridge import EventBridge  # noqa: PLC0415 - moto is imported after its settings

        name, scheduler = name_of(event), self.cloud.scheduler

        def deliver(envelope: Mapping[str, Any]) -> None:
            if envelope["detail-type"] != name:
                return
            what = f"{name} to an external system"
            for _ in range(2 if self.faults.doubles(what) else 1):
                scheduler.soon(lambda: do(envelope["detail"].get("data", envelope["detail"])), what)

        self.cloud.region.service(EventBridge).buses.listeners.append(deliver)

    def request(
        self, method: str, path: str, content: Any = None, *, content_type: str = "application/json"
    ) -> Response:
        """Send a signed request to the only HTTP API of the stacks."""
        from botocore.auth import SigV4Auth  # noqa: PLC0415 - boto3 is slow to import
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.credentials import Credentials  # noqa: PLC0415

        apis = list(self.cloud.region.backends.apigatewayv2.apis)
        if len(apis) != 1:
            raise LookupError(f"The stacks have {len(apis)} HTTP APIs.")
        host = f"{apis[0]}.execute-api.localhost"
        body = b"" if content is None else json.dumps(content).encode()
        signed: Any = AWSRequest(method, f"http://{host}{path}", {"host": host, "content-type": content_type}, body)
        SigV4Auth(Credentials("test", "test"), "execute-api", self.cloud.region.name).add_auth(signed)
        url = urlsplit(str(signed.url))
        headers = {name.lower(): str(value) for name, value in signed.headers.items()}
        path, query = str(url.path), str(url.query)
        return self.cloud.request(Request(method, path, query, headers, body, path))

    def serve(self, do: Callable[[HttpRequest], int]) -> None:
        """Answer the HTTP requests of API destinations. The function returns the status code."""
        self.cloud.host = lambda request: HttpResponse(do(request), {}, b"")

    def stop_faults(self) -> None:
        """Stop the injection of faults."""
        self.faults.stop()

    def redrive(self) -> int:
        """Stop faults, redrive all dead letters and settle, until none is left. Return how many there were.

        Raises RedriveError if some are left after five rounds.
        """
        self.stop_faults()
        trace = self.trace
        if not trace.dead_letters() and not {"FAILED", "TIMED_OUT", "ABORTED"} & set(trace.executions().values()):
            return 0
        if self._stacks is None:
            raise RedriveError("redrive() needs the stacks of a cloud assembly: this cloud has resources without one.")
        return redriven(self._stacks, self.settle)


def redriven(stacks: DeployedStacks, settle: Callable[[], None]) -> int:
    """Redrive all dead letters and settle, until none is left. Return how many there were. Raises RedriveError."""
    total = 0
    for _ in range(REDRIVES):
        found = dead_letters.take(stacks, None, [])
        if not found:
            return total
        total += len(found)
        outcomes = list(dead_letters.redrive(stacks, found, None))
        if failed := [outcome["error"] for outcome in outcomes if "error" in outcome]:
            raise RedriveError(f"Dead letters cannot be redriven: {'; '.join(failed)}")
        settle()
    raise RedriveError(f"Dead letters are left after {REDRIVES} redrives without faults.")


class _Target(Cloud):
    """A simulated cloud as the target of commands. It uses the clients of the cloud."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        super().__init__(cloud.environment()["AWS_ENDPOINT_URL"])
        for name in ("client", "physical_ids"):
            object.__setattr__(self, name, getattr(cloud, name))
        object.__setattr__(self, "now", cloud.clock.now)


class SimulatedStacks(DeployedStacks):
    """The stacks of a simulated cloud, which need not be read by CloudFormation's API."""

    def __init__(self, cloud: SimulatedCloud, assembly: Path) -> None:
        super().__init__(_Target(cloud), Assembly(assembly))
        dict(self._names)  # once for all runs

    def _names_in(self, stack: str) -> list[tuple[str, str]]:
        return list(self.cloud.physical_ids(stack).items())  # type: ignore[attr-defined]


def plain_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return an item of DynamoDB as Python values."""
    return {name: _value(*next(iter(value.items()))) for name, value in item.items()}


def _value(kind: str, value: Any) -> Any:
    """Return an attribute of DynamoDB as a Python value; whole numbers as int."""
    convert = _VALUES.get(kind)
    return convert(value) if convert else value


def _number(value: str) -> int | float:
    return int(value) if value.lstrip("-").isdecimal() else float(value)


_VALUES: dict[str, Callable[[Any], Any]] = {
    "N": _number,
    "NS": lambda values: {_number(each) for each in values},
    "SS": set,
    "BS": set,
    "M": plain_item,
    "L": lambda values: [_value(*next(iter(each.items()))) for each in values],
    "NULL": lambda _: None,
}
