"""Stores notes from external services."""

from functions.contracts.notes import NoteArrived
from millrace.runtime import Table, processor


@processor
def handler(note: NoteArrived, notes: Table) -> None:
    """Store the note."""
    notes.put_item(Item={**note.model_dump(), "stars": 0, "version": 1})
