"""Events about articles."""

from millrace.events import Event


class PriceChanged(Event, source="test.articles", terminal="a test looks for it"):
    """The price of an article changed."""

    key: str
    price_cents: int
    old_price_cents: int
