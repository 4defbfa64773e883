"""Notes: written by command or published by external services."""

from typing import Annotated

from pydantic import Field

from millrace.events import Event

Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class WriteNote(Event, source="notes.editor"):
    """Write a note, replacing a previous one with the same id."""

    author: Name
    note_id: Name
    text: str = Field(min_length=1, max_length=500)
    stars: int = Field(default=0, ge=0, le=5)


class NoteArrived(Event, source="notes.post", outside=True):
    """A note was posted."""

    author: Name
    note_id: Name
    text: str


class NoteTorn(Event, source="notes.shredder", outside=True):
    """A note was torn."""

    note_id: Name


class NoteRepaired(Event, source="notes.repairs", outside=True, end="The note is complete again."):
    """A note was repaired."""

    note_id: Name


class NoteStored(Event, source="notes.editor", end="The tests try to publish it from outside."):
    """A note was stored."""

    note_id: Name
