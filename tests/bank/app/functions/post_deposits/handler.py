"""Posts deposits to their accounts, a batch at a time."""

from functions.contracts.deposits import Deposited
from functions.post_deposits.account import Account
from millrace.runtime import EventStore, Table, processor, write_if


@processor
def handler(deposits: list[Deposited], accounts: EventStore[Account], tried: Table) -> None:
    """Append one event for each deposit; fail in the middle of the list if a deposit requests it."""
    for deposit in deposits:
        if deposit.fails_first and _is_first(deposit, tried):
            raise RuntimeError(f"{deposit.deposit_id} fails once")
        _post(deposit, accounts)


def _is_first(deposit: Deposited, tried: Table) -> bool:
    mark = {"deposit_id": deposit.deposit_id}
    return write_if(tried.put_item, Item=mark, ConditionExpression="attribute_not_exists(deposit_id)") is not None


def _post(deposit: Deposited, accounts: EventStore[Account]) -> None:
    accounts.update(deposit.account, lambda account: account.post(deposit), cause=deposit)
