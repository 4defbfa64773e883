"""Query for one note."""

from functions.contracts.views import Note
from millrace.runtime import Table, query


@query("/notes/{author}/{note_id}")
def handler(author: str, note_id: str, notes: Table) -> Note | None:
    """Return a note by author and id."""
    found = notes.get_item(Key={"author": author, "note_id": note_id})
    return Note.model_validate(found["Item"]) if "Item" in found else None
