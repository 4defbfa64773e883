"""The access log: lines of the web servers become an error rate by minute."""

from constructs import Construct

from millrace.constructs import Bus, StreamProcessor, StreamSource


class AccessLog(Construct):
    """A stream of log lines: of Kinesis, or of another `source` such as `kafka(…)`."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, source: StreamSource | None = None) -> None:  # noqa: A002
        super().__init__(scope, id)
        StreamProcessor(self, "WatchAccess", bus=bus, function="watch_access", source=source)
