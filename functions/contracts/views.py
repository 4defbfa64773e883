"""The rows of the shop's read models."""

from typing import Literal

from millrace.runtime import View


class OrderView(View, key="order_id"):
    """An order; `version` is the number of its events so far."""

    order_id: str
    customer_id: str | None = None
    total_cents: int | None = None
    status: Literal["placed", "completed", "rejected"] = "placed"
    reason: str | None = None
    version: int = 0


class CustomerView(View, key="customer_id"):
    """The order statistics of a customer."""

    customer_id: str
    placed: int = 0
    completed: int = 0
    rejected: int = 0
    spent_cents: int = 0
    version: int = 0
