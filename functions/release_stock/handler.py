"""Gives the goods of an order back."""

from functions.contracts.fulfilment import StockReleased, StockReserved
from functions.contracts.orders import OrderPlaced
from functions.reserve_stock.logic import release
from millrace.runtime import Table, step


@step
def handler(order: OrderPlaced, reserved: StockReserved | None, stock: Table) -> StockReleased | None:
    """Say so where anything was set aside: if its step failed, only the table knows."""
    released = release(stock, order)
    return StockReleased(order_id=order.order_id) if released or reserved else None
