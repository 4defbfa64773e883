"""Decides by what was offered."""

from functions.contracts.together import Decided, Offered, Wanted
from millrace.runtime import step


@step
def handler(wanted: Wanted, offers: list[Offered]) -> Decided:
    """Whose offers it has heard of."""
    return Decided(by=tuple(sorted(offer.by for offer in offers)))
