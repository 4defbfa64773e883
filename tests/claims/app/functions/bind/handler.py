"""A book out of its parts."""

import hashlib

from functions.contracts.books import BookBound, BookWanted, CoverDrawn, PagesSet
from millrace.runtime import step


@step
def handler(wanted: BookWanted, pages: PagesSet, cover: CoverDrawn) -> BookBound:
    """Publish the bound book."""
    whole = wanted.content + pages.content + cover.content
    return BookBound(sha256=hashlib.sha256(whole.encode()).hexdigest())
