"""What the credit context says."""

from typing import Literal

from millrace.events import Event


class CreditRated(Event, source="shop.credit", terminal="whoever lends to the customer asks for it"):
    """A customer's credit was rated anew; `score` counts completed orders, less rejected ones."""

    customer_id: str
    score: int
    rating: Literal["good", "poor"]
