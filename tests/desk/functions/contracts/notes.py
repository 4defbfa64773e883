"""Notes: written by command, or arriving from outside."""

from typing import Annotated

from pydantic import Field

from millrace.events import Event

Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class WriteNote(Event, source="notes.desk"):
    """Write this note. A second one of the same id stands in its place."""

    author: Name
    note_id: Name
    text: str = Field(min_length=1, max_length=500)
    stars: int = Field(default=0, ge=0, le=5)


class NoteArrived(Event, source="notes.post", external=True):
    """The post brought a note."""

    author: Name
    note_id: Name
    text: str


class NoteTorn(Event, source="notes.shredder", external=True):
    """The shredder tore a note."""

    note_id: Name


class NoteMended(Event, source="notes.binder", external=True, terminal="It is as it was."):
    """The binder mended a note."""

    note_id: Name


class NoteKept(Event, source="notes.desk", terminal="The tests publish it from outside, in vain."):
    """A note is in the drawer."""

    note_id: Name
