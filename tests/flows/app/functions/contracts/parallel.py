"""Events of the parallel steps."""

from millrace.events import Event, Refusal

SOURCE = "test.parallel"


class Wanted(Event, source=SOURCE, external=True):
    """A request for offers. Steps in `fails` raise an error; steps in `refuses` decline."""

    key: str
    fails: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()


class Offered(Event, source=SOURCE, terminal="a test looks for it"):
    """A step made an offer."""

    by: str


class Declined(Refusal, source=SOURCE, terminal="a test looks for it"):
    """A step declined."""

    by: str


class Decided(Event, source=SOURCE, terminal="a test looks for it"):
    """The steps that made offers."""

    by: tuple[str, ...]
