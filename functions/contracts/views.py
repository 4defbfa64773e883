"""What can be asked of the shop: the rows of its read models."""

from typing import Literal

from millrace.runtime import View


class OrderView(View, key="order_id"):
    """An order, as far as it is known; `version` counts what has become of it."""

    order_id: str
    customer_id: str | None = None
    total_cents: int | None = None
    status: Literal["placed", "completed", "rejected"] = "placed"
    reason: str | None = None
    version: int = 0


class CustomerView(View, key="customer_id"):
    """A customer's orders, counted."""

    customer_id: str
    placed: int = 0
    completed: int = 0
    rejected: int = 0
    spent_cents: int = 0
    version: int = 0
