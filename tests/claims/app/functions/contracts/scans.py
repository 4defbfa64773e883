"""Scans, on their way through three processors."""

from millrace.events import Event


class Scanned(Event, source="test.scanner", external=True):
    """A scan, as large as it is."""

    key: str
    content: str


class Straightened(Event, source="test.desk"):
    """The same, straight."""

    key: str
    content: str


class Recognised(Event, source="test.reader"):
    """The same, read."""

    key: str
    content: str


class Peeped(Event, source="test.peeper", external=True):
    """Somebody wants to see what lies in a bucket."""

    bucket: str
    key: str
