"""Posts deposits to their accounts, a batch at a time."""

from functions.contracts.deposits import Deposited
from functions.post_deposits.account import Account
from millrace.runtime import EventStore, processor


@processor
def handler(deposits: list[Deposited], accounts: EventStore[Account]) -> None:
    """Append one event for each deposit."""
    for deposit in deposits:
        _post(deposit, accounts)


def _post(deposit: Deposited, accounts: EventStore[Account]) -> None:
    accounts.update(deposit.account, lambda account: account.post(deposit))
