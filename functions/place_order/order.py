"""An order, as its events have made it."""

from dataclasses import dataclass

from functions.contracts.orders import OrderPlaced, PlaceOrder


@dataclass
class Order:
    """One order: placed once, and what it costs follows from its lines."""

    placed: bool = False

    def place(self, command: PlaceOrder) -> OrderPlaced | None:
        """Place the order, unless it is placed already."""
        if self.placed:
            return None
        return OrderPlaced(
            order_id=command.order_id,
            customer_id=command.customer_id,
            lines=command.lines,
            total_cents=sum(line.quantity * line.unit_price_cents for line in command.lines),
            card=command.card,
            address=command.address,
        )

    def apply(self, _event: OrderPlaced) -> None:
        """It is placed now."""
        self.placed = True
