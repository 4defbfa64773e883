"""Requests the repair of a shredded note from the binder."""

from functions.contracts.notes import NoteRepaired, NoteShredded
from millrace.runtime import Callback, Table, step


@step
def handler(note: NoteShredded, callback: Callback[NoteRepaired], notes: Table) -> None:
    """Store the callback id for the binder."""
    notes.put_item(Item={"author": "binder", "note_id": note.note_id, "callback_id": callback.id})
