"""Reserves the stock of an order."""

from functions.contracts.fulfilment import OutOfStock, StockReserved
from functions.contracts.orders import OrderPlaced
from functions.reserve_stock.logic import quantities, release, reserve
from millrace.runtime import Table, step


@step
def handler(order: OrderPlaced, stock: Table) -> StockReserved | OutOfStock:
    """Reserve all lines or none."""
    for sku, quantity in quantities(order).items():
        if not reserve(stock, order.order_id, sku, quantity):
            release(stock, order)
            return OutOfStock(order_id=order.order_id, sku=sku, reason=f"fewer than {quantity} of {sku} in stock")
    return StockReserved(order_id=order.order_id)
