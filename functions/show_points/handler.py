"""Shows the points of a customer."""

from pydantic import BaseModel

from millrace.runtime import Table, query


class Points(BaseModel):
    """The points of a customer."""

    customer_id: str
    balance: int


@query("/customers/{customer_id}/points")
def handler(customer_id: str, points: Table) -> Points | None:
    """Return the points of a customer, or None before the first order is completed."""
    found = points.get_item(Key={"customer_id": customer_id})
    return Points.model_validate(found["Item"]) if "Item" in found else None
