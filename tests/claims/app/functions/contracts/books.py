"""Books, made by a mediator whose events would not fit into its flow together."""

from millrace.events import Event


class BookWanted(Event, source="test.shop", external=True):
    """A text is to be a book."""

    key: str
    content: str


class PagesSet(Event, source="test.press", terminal="a test looks for it"):
    """The text, set."""

    content: str


class CoverDrawn(Event, source="test.press", terminal="a test looks for it"):
    """A picture."""

    content: str


class BookBound(Event, source="test.press", terminal="a test looks for it"):
    """All of it."""

    sha256: str
