"""Lists orders."""

from functions.contracts.views import OrderView
from millrace.runtime import Page, Paging, ReadModel, query


@query("/orders")
def handler(orders: ReadModel[OrderView], paging: Paging) -> Page[OrderView]:
    """Return a page of orders, unsorted."""
    return Page[OrderView].of(orders.scan(**paging.arguments), OrderView)
