"""Events and readings of the access log."""

import re
from datetime import datetime

from millrace.events import Event
from millrace.runtime.stream import Reading

_LINE = re.compile(r'(?P<host>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "[^"]*" (?P<status>\d{3}) \S+')
_FIRST_SERVER_ERROR = 500


class AccessLine(Reading, key="host", time="at"):
    """A request to a host, and whether the server failed."""

    host: str
    at: datetime
    failed: bool

    @classmethod
    def parse(cls, line: str) -> "AccessLine":
        """Read a line of the Common Log Format, in which the host comes first. Raises ValueError."""
        found = _LINE.match(line)
        if not found:
            raise ValueError("The line is not in the Common Log Format.")
        at = datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z")
        return cls(host=found["host"], at=at, failed=int(found["status"]) >= _FIRST_SERVER_ERROR)


class ErrorRateHigh(Event, source="shop.access_log", terminal="the alarm of the operators receives it"):
    """More than 5 % of the requests to a host failed in the minute from `since`, which is in ISO 8601."""

    host: str
    requests: int
    failed: int
    since: str
