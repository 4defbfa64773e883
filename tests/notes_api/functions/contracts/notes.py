"""Notes, written by command or received from external sources."""

from typing import Annotated

from pydantic import Field

from millrace.events import Event

Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class WriteNote(Event, source="notes.app"):
    """Write this note. It replaces the note with the same id."""

    author: Name
    note_id: Name
    text: str = Field(min_length=1, max_length=500)
    stars: int = Field(default=0, ge=0, le=5)


class NoteArrived(Event, source="notes.post", outside=True):
    """The post delivered a note."""

    author: Name
    note_id: Name
    text: str


class NoteShredded(Event, source="notes.shredder", outside=True):
    """The shredder destroyed a note."""

    note_id: Name


class NoteRepaired(Event, source="notes.binder", outside=True, end="The note is complete again."):
    """The binder repaired a note."""

    note_id: Name


class NoteArchived(Event, source="notes.app", end="The tests try to publish it through the API."):
    """A note was archived."""

    note_id: Name
