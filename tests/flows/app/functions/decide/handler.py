"""Decides on offers."""

from functions.contracts.parallel import Decided, Offered, Wanted
from millrace.runtime import step


@step
def handler(wanted: Wanted, offers: list[Offered]) -> Decided:
    """Return the steps that made offers."""
    return Decided(by=tuple(sorted(offer.by for offer in offers)))
