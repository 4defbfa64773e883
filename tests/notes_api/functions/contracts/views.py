"""Results of queries."""

from pydantic import BaseModel


class Note(BaseModel):
    """A note. `version` counts how often it was written."""

    author: str
    note_id: str
    text: str
    stars: int = 0
    version: int
