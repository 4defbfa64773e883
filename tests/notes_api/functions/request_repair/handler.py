"""Requests the repair of a torn note from an external service."""

from functions.contracts.notes import NoteRepaired, NoteTorn
from millrace.runtime import Callback, Table, step


@step
def handler(note: NoteTorn, callback: Callback[NoteRepaired], notes: Table) -> None:
    """Store the callback id for the external service."""
    notes.put_item(Item={"author": "repairs", "note_id": note.note_id, "callback_id": callback.id})
