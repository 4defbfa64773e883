"""Asks the binder outside whether a torn note can be mended."""

from functions.contracts.notes import NoteMended, NoteTorn
from millrace.runtime import Callback, Table, step


@step
def handler(note: NoteTorn, callback: Callback[NoteMended], notes: Table) -> None:
    """The note says by which id the binder answers."""
    notes.put_item(Item={"author": "binder", "note_id": note.note_id, "callback_id": callback.id})
