"""A stream processor: a function that handles windows of readings."""

from typing import Unpack

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encrypted_resources import encrypted_table
from millrace.constructs.bus.encryption import WRITE_ACTIONS, grant_key
from millrace.constructs.channels.channel import FailurePath
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.function.function import declared_function
from millrace.constructs.function.handlers import declared_stream_processor
from millrace.constructs.function.project import record_source_location
from millrace.constructs.function.settings import Settings
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import Tables, check_resources, grant_table_actions
from millrace.constructs.stream.sources import StreamSource, kinesis
from millrace.runtime.stream.window_table import OPEN_WINDOWS, WINDOWS

_TIMEOUT = Duration.minutes(5)
"""At the end of Lambda's window, an invocation merges, reads and closes the windows of up to some 4,000 keys."""


class StreamProcessor(Construct):
    """The @stream_processor of `functions/<function>/handler.py` with its source, windows, and dead-letter queue.

    source: `kinesis()` by default, with a new stream.
    tables: Tables by the names of the handler's parameters.
    The timeout is 5 minutes by default.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        function: str,
        source: StreamSource | None = None,
        tables: Tables | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        handler = declared_stream_processor(function)
        self.declaration, tables = handler.declaration, tables or {}
        check_resources(f"StreamProcessor {self.node.path}", [self.declaration], tables)
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, owner=function)
        settings = {"timeout": _TIMEOUT, **settings}
        worker = declared_function(self, "stream-processor", self.declaration, bus, tables, settings)
        self.function = worker.function
        worker.enable_quarantine(bus, self.dead_letters, settings.get("allow_cycle"))
        self._bus = bus
        windows = self._windows(bus)
        self.function.add_environment(WINDOWS, windows.table_name)
        grant_table_actions(worker.role, windows, "BatchGetItem", "PutItem")
        grant_table_actions(worker.role, windows, "Query", index=OPEN_WINDOWS)
        frame = handler.frame
        seconds = {"every": frame.width.total_seconds(), "lateness": frame.lateness.total_seconds()}
        worker.add_metadata(window=seconds)
        alarms = Alarms(self, bus.alarm_topic)
        failures = FailurePath(self.dead_letters, alarms)
        self.stream = (source or kinesis()).connect(self, bus, worker, failures, frame)
        alarms.dead_letters(self.dead_letters)
        alarms.function(self.function)

    def _windows(self, bus: Bus) -> dynamodb.Table:
        kinds = dynamodb.AttributeType
        table = encrypted_table(
            self,
            "Windows",
            bus.encryption_key,
            RemovalPolicy.DESTROY,
            partition_key=dynamodb.Attribute(name="key", type=kinds.STRING),
            sort_key=dynamodb.Attribute(name="window", type=kinds.NUMBER),
            time_to_live_attribute="expiration",
        )
        table.add_local_secondary_index(
            index_name=OPEN_WINDOWS,
            sort_key=dynamodb.Attribute(name="open", type=kinds.NUMBER),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        return table

    def grant_put(self, role: iam.IRole) -> None:
        """Allow a role to put records into the stream."""
        if self.stream is None:
            raise TypeError(f"StreamProcessor {self.node.path} reads no Kinesis stream: grant access to its source.")
        actions = ["kinesis:PutRecord", "kinesis:PutRecords"]
        role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=[self.stream.stream_arn]))
        grant_key(self.stream.encryption_key or self._bus.encryption_key, role, "kinesis", WRITE_ACTIONS)

    def grant_dead_letters(self, role: iam.IRole) -> None:
        """Allow a role to send records that cannot be put into the stream to the dead-letter queue."""
        self.dead_letters.grant_send_messages(role)
        grant_key(self._bus.encryption_key, role, "sqs", WRITE_ACTIONS)
