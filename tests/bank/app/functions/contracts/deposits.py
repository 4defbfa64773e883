"""Deposits, and what the accounts record of them."""

from millrace.events import Event


class Deposited(Event, source="test.bank", external=True):
    """A customer paid in money. The first attempt to post it fails, where `fails_first` is set."""

    deposit_id: str
    account: str
    cents: int
    fails_first: bool = False


class DepositPosted(Event, source="test.ledger", terminal="the soak looks for it"):
    """A deposit was added to its account."""

    deposit_id: str
    cents: int
