"""Events of the web shop."""

from pydantic import Field

from millrace.events import Event


class OrderPlaced(Event, source="demo.web", external=True):
    order_id: str
    total_cents: int = Field(ge=0)
    scan: str = Field(max_length=2_000_000)
