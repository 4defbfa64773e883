"""What the flows of steps that run together are made of."""

from millrace.events import Event, Refusal

SOURCE = "test.together"


class Wanted(Event, source=SOURCE, external=True):
    """Somebody wants an offer; the steps named in `fails` raise, those in `refuses` say no."""

    key: str
    fails: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()


class Offered(Event, source=SOURCE, terminal="a test looks for it"):
    """A step has an answer."""

    by: str


class Declined(Refusal, source=SOURCE, terminal="a test looks for it"):
    """A step says no."""

    by: str


class Decided(Event, source=SOURCE, terminal="a test looks for it"):
    """Whose offers there were."""

    by: tuple[str, ...]
