"""A processor: a function behind the bus, wired by its handler's signature."""

from typing import Unpack

from constructs import Construct

from millrace.constructs.alarms import Alarms
from millrace.constructs.bus import Bus
from millrace.constructs.channels import Channel, End, queue
from millrace.constructs.declared import declared_processor
from millrace.constructs.function import Settings, declared_function
from millrace.constructs.places import note_place
from millrace.constructs.queues import dead_letter_queue
from millrace.constructs.stores import Tables, check_tables


class Processor(Construct):
    """The @processor of `functions/<function>/handler.py`, with its rule, channel, permissions and failure paths.

    `tables` are named after the parameters of the handler that take them. What else may be set: `Settings`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        function: str,
        channel: Channel | None = None,
        tables: Tables | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        note_place(self)
        self.declaration = declared_processor(function)
        check_tables(f"Processor {self.node.path}", [self.declaration], tables or {})
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, of=function)
        worker = declared_function(self, "processor", self.declaration, bus, tables or {}, settings)
        self.function = worker.function
        alarms = Alarms(self, bus.alarm_topic)
        end = End(self.dead_letters, alarms)
        (channel or queue()).connect(self, bus, self.declaration.consumes, worker, end)
        alarms.dead_letters(self.dead_letters)
        alarms.function(self.function)
