"""Adds up the deposits of each account, a batch at a time."""

from functions.contracts.deposits import Deposited
from millrace.runtime import Table, processor, update_once


@processor
def handler(deposits: list[Deposited], totals: Table) -> None:
    """Add each deposit to the total of its account."""
    for deposit in deposits:
        update_once(
            totals,
            deposit,
            Key={"account": deposit.account},
            UpdateExpression="ADD cents :cents, deposits :one",
            ExpressionAttributeValues={":cents": deposit.cents, ":one": 1},
        )
