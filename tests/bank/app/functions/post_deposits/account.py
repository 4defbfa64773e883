"""An account, as its events have made it."""

from dataclasses import dataclass

from functions.contracts.deposits import Deposited, DepositPosted


@dataclass
class Account:
    """Posts every deposit that it is given: it does not know which ones it has."""

    cents: int = 0

    def post(self, deposit: Deposited) -> DepositPosted:
        return DepositPosted(deposit_id=deposit.deposit_id, cents=deposit.cents)

    def apply(self, event: DepositPosted) -> None:
        self.cents += event.cents
