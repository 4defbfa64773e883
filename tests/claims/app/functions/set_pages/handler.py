"""A part of a book, as large as its text."""

from functions.contracts.books import BookWanted, PagesSet
from millrace.runtime import step


@step
def handler(wanted: BookWanted) -> PagesSet:
    """The text is all there is to it."""
    return PagesSet(content=wanted.content)
