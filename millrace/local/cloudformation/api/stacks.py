"""The records of all stacks, synchronized with what is deployed, including deployments outside this API."""

import json
import threading
import uuid

from millrace.local.cloudformation.api.protocol import validation_error
from millrace.local.cloudformation.api.records import Now, StackRecord, StackRequest
from millrace.local.cloudformation.deployer import Deployer
from millrace.local.cloudformation.deployment import StackState
from millrace.local.cloudformation.intrinsics import PseudoParameters


class Stacks:
    """The records by id, the last part of the stack's ARN. Names are unique among existing stacks."""

    def __init__(self, deployer: Deployer, now: Now) -> None:
        self._deployer = deployer
        self._now = now
        self._records: dict[str, StackRecord] = {}
        self._lock = threading.RLock()

    def all(self) -> list[StackRecord]:
        """Return all records, including those of deleted stacks, newest first."""
        with self._lock:
            self._synchronize()
            return list(reversed(self._records.values()))

    def existing(self) -> list[StackRecord]:
        """Return the records of stacks that are not deleted, newest first."""
        return [record for record in self.all() if record.exists]

    def find(self, name: str) -> StackRecord | None:
        """Return an existing stack by name, or any stack by ARN."""
        if name.startswith("arn:"):
            return next((record for record in self.all() if record.arn == name), None)
        return next((record for record in self.existing() if record.name == name), None)

    def get(self, name: str, missing: str = "Stack with id {} does not exist") -> StackRecord:
        """Return a stack by name or ARN. Raises ApiError with the message `missing`."""
        record = self.find(name)
        if record is None:
            raise validation_error(missing.format(name))
        return record

    def add(self, name: str, status: str, *, stack_id: str | None = None) -> StackRecord:
        """Add a new stack."""
        found = stack_id or str(uuid.uuid4())
        arn = self.pseudo_parameters(name, found).stack_id
        record = StackRecord(found, arn, name, self._now, self._now(), status)
        with self._lock:
            self._records[found] = record
        return record

    def remove(self, record: StackRecord) -> None:
        """Remove a stack that only ever had change sets."""
        with self._lock:
            del self._records[record.id]

    def pseudo_parameters(self, name: str, stack_id: str) -> PseudoParameters:
        """Return the pseudo parameters of a stack."""
        cloud = self._deployer.cloud
        return PseudoParameters(cloud.account, cloud.region, name, stack_id, cloud.partition)

    def state(self, record: StackRecord) -> StackState | None:
        """Return what is deployed of a stack."""
        state = self._deployer.deployment.stacks.get(record.name)
        return state if state and state.id == record.id else None

    def _synchronize(self) -> None:
        """Record deployments and deletions that were made outside this API."""
        for state in list(self._deployer.deployment.stacks.values()):
            record = self._records.get(state.id)
            if record is None:
                _synchronize(self.add(state.name, "CREATE_COMPLETE", stack_id=state.id), state)
            elif record.state is not state and not record.in_progress:
                record.set_status("UPDATE_COMPLETE")
                _synchronize(record, state)
        for record in self._records.values():
            if record.state and record.exists and not record.in_progress and self.state(record) is None:
                record.set_status("DELETE_COMPLETE")


def _synchronize(record: StackRecord, state: StackState) -> None:
    tags = record.request.tags if record.request else ()
    text = json.dumps(state.template.body)
    record.request = StackRequest(text, state.template, state.parameters, {}, tags, {})
    record.synchronize(state)
