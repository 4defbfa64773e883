"""Lists orders."""

from functions.contracts.views import OrderView
from millrace.runtime import Page, Paging, ReadModel, query


@query("/orders")
def handler(orders: ReadModel[OrderView], paging: Paging) -> Page[OrderView]:
    """All orders, a page at a time, in no order of their own."""
    return Page[OrderView].of(orders.scan(**paging.arguments), OrderView)
