"""Events of the credit context."""

from typing import Literal

from millrace.events import Event


class CreditRated(Event, source="shop.credit", terminal="lenders query the rating"):
    """The credit rating of a customer changed; `score` is the number of completed orders minus rejected ones."""

    customer_id: str
    score: int
    rating: Literal["good", "poor"]
