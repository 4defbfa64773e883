"""A processor: a function behind the bus, wired by its handler's signature."""

from typing import Unpack

from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.channels.channels import Channel, End, queue
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.failure.strategies import Failure, check_letters, check_second, instead, redriven
from millrace.constructs.function.aside import put_aside
from millrace.constructs.function.declared import declared_processor
from millrace.constructs.function.function import Settings, declared_function
from millrace.constructs.function.places import note_place
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import Tables, check_tables
from millrace.runtime import Declaration


class Processor(Construct):
    """The @processor of `functions/<function>/handler.py`, with its rule, channel, permissions and failure paths.

    `tables` are named after the parameters of the handler that take them. `failure` says what becomes of an event that
    it cannot handle, other than to be kept in the dead-letter queue. What else may be set: `Settings`.
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
        note_place(self)
        self.declaration = declared_processor(function)
        fails = failure or Failure()
        chosen = (channel or queue()).once() if fails.once else channel or queue()
        second = self._second(fails, chosen, tables or {})
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, of=function, kept=fails.silent)
        worker = declared_function(self, "processor", self.declaration, bus, tables or {}, settings)
        self.function = worker.function
        put_aside(worker, bus, self.dead_letters, settings.get("allow_cycle"))
        alarms = Alarms(self, bus.alarm_topic)
        end = End(self.dead_letters, alarms)
        if second:
            place = Construct(self, "Second")
            letters = instead(place, bus, second, tables or {}, settings, end, received=chosen.receives)
            end = End(letters, alarms)
        waiting = chosen.connect(self, bus, self.declaration.consumes, worker, end)
        if fails.again:
            redriven(self, bus, waiting, self.dead_letters, fails.again)
        if not fails.silent:
            alarms.dead_letters(self.dead_letters)
            alarms.function(self.function)

    def _second(self, fails: Failure, channel: Channel, tables: Tables) -> Declaration | None:
        """The function that handles what this one cannot, if there is to be one; checked, and the tables with it."""
        place = f"Processor {self.node.path}"
        second = declared_processor(fails.second) if fails.second else None
        check_tables(place, [self.declaration, *([second] if second else [])], tables)
        check_second(place, self.declaration, second)
        check_letters(place, fails, channel)
        return second
