"""`Cloud`: what the local cloud and the simulated cloud offer to tests and commands."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from millrace.local.cloudformation.deployment import Change, Deployment
from millrace.local.cloudformation.deployments import Deployments
from millrace.local.cloudformation.refusals import Options
from millrace.local.core.account_region import AccountRegion
from millrace.local.core.account_regions import AccountRegions
from millrace.local.core.faults import Rates
from millrace.local.core.garbage import pause_garbage_collection
from millrace.local.core.scheduler import Scheduler
from millrace.local.services.dynamodb import DynamoDb
from millrace.local.services.iam import Sessions
from millrace.local.services.stepfunctions import Mocks, StepFunctions
from millrace.operations.trace import Trace

if TYPE_CHECKING:
    from millrace.events import Event, Metadata
    from millrace.local.cloudformation.deployer import Deployer
    from millrace.local.workers import FunctionSpec, Outcome
    from millrace.operations.history import Record

ACCOUNT = "123456789012"
REGION = "us-east-1"
HOME = (ACCOUNT, REGION)
TIMEOUT = 60.0
T = TypeVar("T")


class Cloud:
    """A deployed cloud assembly on services and moto. `on_loop` runs a function on the scheduler's thread."""

    scheduler: Scheduler
    region: AccountRegion
    _regions: AccountRegions
    _sessions: Sessions
    _deployments: Deployments

    def on_loop(self, action: Callable[[], T]) -> T:
        """Run a function on the scheduler's thread, and return its result."""
        raise NotImplementedError

    def environment(self, account: str = ACCOUNT, region: str = REGION) -> dict[str, str]:
        """Return the environment variables with which an SDK uses this cloud in an account."""
        raise NotImplementedError

    def _environment(self, endpoint: str, account: str, region: str) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": endpoint,
            **self._sessions.developer_of(account).environment(),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # StartSyncExecution would go to sync-127.0.0.1
        }

    def client(self, service: str, *, account: str = ACCOUNT, region: str = REGION) -> Any:
        """Return the boto3 client of a service in this cloud, regardless of the machine's own credentials."""
        return self._deployments.client((account, region), service)

    def resource(self, service: str, *, account: str = ACCOUNT, region: str = REGION) -> Any:
        """Return the boto3 resource of a service in this cloud."""
        return self._deployments.resource((account, region), service)

    @property
    def _deployer(self) -> "Deployer":
        return self._deployments.deployer(HOME)

    def deploy(
        self,
        assembly: Path,
        on_change: Callable[[Change], None] | None = None,
        *,
        skip: Iterable[str] = (),
        parameters: Mapping[str, str] = MappingProxyType({}),
    ) -> Deployment:
        """Deploy a synthesized cloud assembly; unchanged resources stay as they are.

        `skip` are types and construct paths to leave out, `parameters` values by NAME or STACK:NAME.
        Raises RefusedDeploymentError.
        """
        with pause_garbage_collection():
            return self._deployments.deploy(assembly, on_change, Options(frozenset(skip), parameters))

    def physical_id(self, stack: str, logical_id: str) -> str:
        """Return the physical id of a resource: its name, URL or ARN, as `Ref` returns it."""
        return self._deployments.stacks[stack].resources[logical_id].physical_id

    def outputs(self, stack: str) -> dict[str, Any]:
        """Return the outputs of a deployed stack."""
        return dict(self._deployments.stacks[stack].outputs)

    def physical_ids(self, stack: str) -> dict[str, str]:
        """Return the physical ids of all resources of a stack by their logical ids."""
        resources = self._deployments.stacks[stack].resources
        return {logical_id: resource.physical_id for logical_id, resource in resources.items()}

    def put(self, event: "Event", *, bus: str, metadata: "Metadata | None" = None) -> "Metadata":
        """Put an event onto a bus; a large one by claim check. Return its metadata with its correlation id."""
        from millrace.events import Metadata, encode, put_entry
        from millrace.events.claims import claim_with_clients

        self.on_loop(lambda: self._check_bus(bus))
        known = metadata or Metadata.root(producer="test", version=event.contract.version)
        envelope = claim_with_clients(encode(event.stamped(known)), bus, self.client)
        answer = self.client("events").put_events(Entries=[put_entry(envelope, bus)])
        if answer["FailedEntryCount"]:
            raise ValueError(f"{type(event).__name__} was rejected: {answer['Entries'][0]}")
        return known

    def _check_bus(self, bus: str) -> None:
        region = self._regions.owner(bus, self.region) if bus.startswith("arn:") else self.region
        known = region.backends.events.event_buses if region else {}
        if bus.rpartition("/")[2] not in known:
            raise LookupError(f"No bus is called {bus!r}. The buses are: {', '.join(known)}. Correct bus=….")

    def fail(
        self, *only: str, seed: int, failing: float = 0, killed: float = 0, doubled: float = 0, conflicts: float = 0
    ) -> None:
        """Make functions fail at these rates (see `Rates`) until `reset`, by a seed. `only` names the functions."""
        rates = Rates(failing, killed, doubled, conflicts, only)
        self.on_loop(lambda: self.region.faults.set(rates, seed=seed))

    def state_machine(self, name: str, *, account: str = ACCOUNT, region: str = REGION) -> Mocks:
        """Return the mocks of a state machine, by its name or the id of its mediator. Raises UnknownMockError."""
        return self.on_loop(lambda: self._regions.open(account, region).service(StepFunctions).mocks(name))

    def limit_concurrency(self, executions: int | None) -> None:
        """Set the quota of concurrent executions in each account and region until `reset`."""
        self._regions.concurrency = executions

    def limit_partitions(self, write_units: float | None) -> None:
        """Limit the write units that a DynamoDB partition takes in a second, of tables with a stream, until `reset`.

        On AWS, a partition takes 1,000. Requests above the limit fail as throttled.
        """
        self.on_loop(lambda: self.region.service(DynamoDb).limit_partitions(write_units))

    def observe(
        self, outcomes: Callable[["FunctionSpec", "Outcome"], object], records: Callable[["Record"], object]
    ) -> None:
        """Call back with each outcome of a function and each record of the event history, on the cloud's thread."""
        self.region.workers.observe = outcomes
        self.region.history.observe = records

    def trace(self, correlation_id: str) -> Trace:
        """Return the causation tree of a flow."""
        return Trace.of(correlation_id, self.on_loop(lambda: self.region.history.flow(correlation_id)))

    def traces(self) -> list[Trace]:
        """Return the causation tree of every flow since the last reset."""
        return [self.trace(flow) for flow in self.on_loop(self.region.history.flows)]
