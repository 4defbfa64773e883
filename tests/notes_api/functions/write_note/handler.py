"""Stores written notes."""

from functions.contracts.notes import WriteNote
from millrace.runtime import Table, processor


@processor
def handler(note: WriteNote, notes: Table) -> None:
    """Replace a previous note with the same id."""
    notes.update_item(
        Key={"author": note.author, "note_id": note.note_id},
        UpdateExpression="SET #text = :text, stars = :stars ADD version :one",
        ExpressionAttributeNames={"#text": "text"},
        ExpressionAttributeValues={":text": note.text, ":stars": note.stars, ":one": 1},
    )
