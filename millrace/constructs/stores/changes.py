"""Change notification: a field of a table's items that gets another value, published as an event by declaration."""

from typing import Unpack

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.channels.channels import End
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.function.function import Function, Settings, facts, snake
from millrace.constructs.function.places import note_place
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.change_streams import read_changes
from millrace.events import Event
from millrace.runtime.changes import EVENT, FIELD, OLD

_CHANGES = "millrace.runtime.changes.handler"


class UnclearChange(ValueError):
    """A change that its event cannot tell of; the text says what to write."""


class Changes(Construct):
    """Publishes `event` whenever the attribute `field` of an item of `table` has changed.

    The event takes its fields from the item as it is now, by their names; a field called `old_…` from the item as it
    was. The table needs a stream of new and old images. Who writes the table knows nothing of this. An alarm
    rings when a change has waited for `alarm_age`, 15 minutes by default.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        table: dynamodb.Table,
        field: str,
        event: type[Event],
        alarm_age: Duration | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        note_place(self)
        _check(f"Changes {self.node.path}", table, field, event)
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, of=self.node.id)
        reader = Function(
            self,
            "Function",
            name=f"tell_{snake(self.node.id)}",
            own=None,
            runs=_CHANGES,
            facts=facts("changes", self, [], [event]),
            environment={"MILLRACE_BUS": bus.name, EVENT: f"{event.__module__}:{event.__qualname__}", FIELD: field},
            settings=settings,
            key=bus.encryption_key,
        )
        bus.grant_publish(reader.role, [event])
        reader.use_claims(bus, publishes=[event])
        changed = lambda_.FilterCriteria.filter({"eventName": lambda_.FilterRule.is_equal("MODIFY")})
        alarms = Alarms(self, bus.alarm_topic)
        read_changes(reader, table, End(self.dead_letters, alarms), bus, filters=[changed], alarm_age=alarm_age)
        alarms.dead_letters(self.dead_letters)
        alarms.function(reader.function)


def _check(place: str, table: dynamodb.Table, field: str, event: type[Event]) -> None:
    named = {name.removeprefix(OLD) for name in event.model_fields}
    if field not in named:
        raise UnclearChange(
            f"{place} tells of {field!r}, and {event.__name__} has neither {field!r} nor '{OLD}{field}': add one."
        )
    resource = table.node.default_child
    stream = resource.stream_specification if isinstance(resource, dynamodb.CfnTable) else None
    if getattr(stream, "stream_view_type", None) != dynamodb.StreamViewType.NEW_AND_OLD_IMAGES.value:
        raise UnclearChange(f"{place}: the table needs stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES.")
