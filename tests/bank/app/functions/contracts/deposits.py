"""Deposits, and what the accounts record of them."""

from millrace.events import Event


class Deposited(Event, source="test.bank", outside=True):
    """A customer paid in money."""

    deposit_id: str
    account: str
    cents: int


class DepositPosted(Event, source="test.ledger", end="the soak looks for it"):
    """A deposit was added to its account."""

    deposit_id: str
    cents: int
