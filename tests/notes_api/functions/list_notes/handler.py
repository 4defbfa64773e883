"""Query for the notes of an author."""

from typing import Annotated

from pydantic import Field

from functions.contracts.views import Note
from millrace.runtime import Page, Paging, Table, query


@query("/notes/{author}")
def handler(author: str, notes: Table, paging: Paging, stars: Annotated[int, Field(ge=0, le=5)] = 0) -> Page[Note]:
    """Return the notes with at least `stars` stars, sorted by id."""
    found = notes.query(
        KeyConditionExpression="author = :author",
        FilterExpression="stars >= :stars",
        ExpressionAttributeValues={":author": author, ":stars": stars},
        **paging.arguments,
    )
    return Page[Note].of(found, Note)
