"""A part of a book, as large as its text."""

from functions.contracts.books import BookWanted, CoverDrawn
from millrace.runtime import step


@step
def handler(wanted: BookWanted) -> CoverDrawn:
    """The text is all there is to it."""
    return CoverDrawn(content=wanted.content)
