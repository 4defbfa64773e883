"""What is told of articles."""

from millrace.events import Event


class PriceChanged(Event, source="test.articles", terminal="a test looks for it"):
    """An article has another price than before."""

    key: str
    price_cents: int
    old_price_cents: int
