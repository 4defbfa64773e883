"""Events of the web shop."""

from pydantic import Field

from millrace.events import Event


class OrderPlaced(Event, source="demo.web"):
    order_id: str
    total_cents: int = Field(ge=0)
