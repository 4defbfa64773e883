"""Files, kept by an event store, and papers, kept in a table."""

from millrace.events import Event


class KeepFile(Event, source="test.clerk", external=True):
    """A command: keep this."""

    file_id: str
    content: str


class FileKept(Event, source="test.archive"):
    """It is kept."""

    file_id: str
    content: str


class PaperChanged(Event, source="test.desk"):
    """Somebody wrote on a paper."""

    key: str
    content: str
