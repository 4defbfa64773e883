"""The aggregate of an order."""

from dataclasses import dataclass

from functions.contracts.orders import OrderPlaced, PlaceOrder


@dataclass
class Order:
    """An order, which can be placed once; its lines determine its total."""

    placed: bool = False

    def place(self, command: PlaceOrder) -> OrderPlaced | None:
        """Place the order unless it has been placed."""
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
        """Mark the order as placed."""
        self.placed = True
