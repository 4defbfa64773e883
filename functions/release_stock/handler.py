"""Releases the stock that an order has reserved."""

from functions.contracts.fulfilment import StockReleased, StockReserved
from functions.contracts.orders import OrderPlaced
from functions.reserve_stock.logic import release
from millrace.runtime import Table, step


@step
def handler(order: OrderPlaced, reserved: StockReserved | None, stock: Table) -> StockReleased | None:
    """Release the stock; if the step that reserved it failed, only the table shows what it reserved."""
    released = release(stock, order)
    return StockReleased(order_id=order.order_id) if released or reserved else None
