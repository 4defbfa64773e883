"""Events of the warehouse, an external system."""

from pydantic import Field

from millrace.events import Event


class StockDelivered(Event, source="shop.warehouse", external=True):
    """Goods arrived at the warehouse."""

    sku: str
    quantity: int = Field(gt=0)
