"""A processor: a function that handles events of the bus."""

from typing import Unpack

from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.channels.channel import Channel, FailurePath, queue
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.failure.strategies import (
    Failure,
    check_channel,
    check_fallback,
    fallback_queue,
    schedule_redrive,
)
from millrace.constructs.function.function import declared_function
from millrace.constructs.function.handlers import declared_processor
from millrace.constructs.function.project import record_source_location
from millrace.constructs.function.settings import Settings
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import Tables, check_resources
from millrace.runtime import Declaration


class Processor(Construct):
    """The @processor of `functions/<function>/handler.py` with its rule, channel, permissions, and dead-letter queue.

    tables: Tables, event stores, and read models by the names of the handler's parameters.
    failure: What happens to an event that the function cannot handle; by default it goes to the dead-letter queue.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        function: str,
        channel: Channel | None = None,
        failure: Failure | None = None,
        tables: Tables | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        self.declaration = declared_processor(function)
        failure, channel, tables = failure or Failure(), channel or queue(), tables or {}
        channel = channel if failure.retry else channel.without_retries()
        fallback = self._fallback(failure, channel, tables)
        self.dead_letters = dead_letter_queue(
            self, bus.encryption_key, owner=function, retention=failure.silent_retention
        )
        worker = declared_function(self, "processor", self.declaration, bus, tables, settings)
        self.function = worker.function
        worker.enable_quarantine(bus, self.dead_letters, settings.get("allow_cycle"))
        alarms = Alarms(self, bus.alarm_topic)
        failures = FailurePath(self.dead_letters, alarms)
        if fallback:
            second = Construct(self, "Second")
            waiting = fallback_queue(
                second, bus, fallback, tables, settings, failures, receive_count=channel.receive_count
            )
            failures = FailurePath(waiting, alarms)
        source = channel.connect(self, bus, self.declaration.consumes, worker, failures)
        if failure.redrive_interval:
            schedule_redrive(self, bus, source, self.dead_letters, failure.redrive_interval)
        if not failure.silent_retention:
            alarms.dead_letters(self.dead_letters)
            alarms.function(self.function)

    def _fallback(self, failure: Failure, channel: Channel, tables: Tables) -> Declaration | None:
        """Check the tables and the failure strategy, and return the declaration of the fallback function, if any."""
        path = f"Processor {self.node.path}"
        fallback = declared_processor(failure.fallback) if failure.fallback else None
        check_resources(path, [self.declaration, *([fallback] if fallback else [])], tables)
        check_fallback(path, self.declaration, fallback)
        check_channel(path, failure, channel)
        return fallback
