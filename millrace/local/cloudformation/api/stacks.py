"""The stacks as CloudFormation knows them, brought into agreement with what stands, whoever made it stand."""

import json
import threading
import uuid
from collections.abc import Iterator

from millrace.local.cloudformation.api.protocol import invalid
from millrace.local.cloudformation.api.records import Moment, Order, Record
from millrace.local.cloudformation.deployment import Deployment, StackState
from millrace.local.cloudformation.intrinsics import Pseudo
from millrace.local.cloudformation.loader import Loader


class Stacks:
    """The records of all stacks, by the last part of their ids; a name belongs to the last one that has it."""

    def __init__(self, loader: Loader, now: Moment) -> None:
        self._loader = loader
        self._now = now
        self._records: dict[str, Record] = {}
        self._lock = threading.RLock()

    def every(self) -> list[Record]:
        """All records, deleted stacks among them, the newest first."""
        with self._lock:
            self._agree()
            return list(reversed(self._records.values()))

    def standing(self) -> Iterator[Record]:
        """The records of the stacks whose names are taken."""
        return (record for record in self.every() if record.stands)

    def find(self, name: str) -> Record | None:
        """The stack of a name, or of an ARN even if it was deleted."""
        if name.startswith("arn:"):
            return next((record for record in self.every() if record.arn == name), None)
        return next((record for record in self.standing() if record.name == name), None)

    def get(self, name: str, missing: str = "Stack with id {} does not exist") -> Record:
        """The stack of a name or an ARN. Raises Refusal."""
        record = self.find(name)
        if record is None:
            raise invalid(missing.format(name))
        return record

    def add(self, name: str, status: str, *, id: str | None = None) -> Record:  # noqa: A002 - as AWS names it
        """Remember a new stack."""
        found = id or str(uuid.uuid4())
        record = Record(found, self.pseudo(name, found).stack_id, name, self._now, self._now(), status)
        with self._lock:
            self._records[found] = record
        return record

    def drop(self, record: Record) -> None:
        """Forget a stack that never was more than a change set."""
        with self._lock:
            del self._records[record.id]

    def pseudo(self, name: str, id: str) -> Pseudo:  # noqa: A002
        """The pseudo parameters of a stack."""
        cloud = self._loader.cloud
        return Pseudo(cloud.account, cloud.region, name, id, cloud.partition)

    def state(self, record: Record) -> StackState | None:
        """What stands of a stack."""
        state = self._deployment.stacks.get(record.name)
        return state if state and state.id == record.id else None

    @property
    def _deployment(self) -> Deployment:
        return self._loader.deployment

    def _agree(self) -> None:
        """Learn what was deployed or taken away past this API."""
        for state in list(self._deployment.stacks.values()):
            record = self._records.get(state.id)
            if record is None:
                self._met(state, self.add(state.name, "CREATE_COMPLETE", id=state.id))
            elif record.seen is not state and not record.under_way:
                record.turn("UPDATE_COMPLETE")
                self._met(state, record)
        for record in self._records.values():
            if record.seen and record.stands and not record.under_way and self.state(record) is None:
                record.turn("DELETE_COMPLETE")

    def _met(self, state: StackState, record: Record) -> None:
        text = json.dumps(state.template.body)
        tags = record.order.tags if record.order else ()
        record.order = Order(text, state.template, state.parameters, {}, tags, {})
        record.agree(state)
