"""The cold chain: sensors report the temperature of shipments; one that is too warm is held."""

from aws_cdk import Duration, RemovalPolicy
from constructs import Construct

from infra.tables import table
from millrace.constructs import Bus, Processor, StreamProcessor, TopicRule, kinesis


class ColdChain(Construct):
    """A stream of readings, and the breaches by order, which the saga reads before a shipment leaves."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, removal_policy: RemovalPolicy) -> None:  # noqa: A002
        super().__init__(scope, id)
        self.breaches = table(self, "Breaches", key="order_id", bus=bus, removal_policy=removal_policy)
        source = kinesis(tumbling_window=Duration.minutes(1))
        watch = StreamProcessor(self, "WatchCargo", bus=bus, function="watch_cargo", source=source)
        TopicRule(self, "Sensors", processor=watch, topic_filter="cargo/+/temperature", partition_key="${order_id}")
        Processor(self, "RecordBreach", bus=bus, function="record_breach", tables={"breaches": self.breaches})
