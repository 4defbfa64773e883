"""Shows the points of a customer."""

from pydantic import BaseModel

from millrace.runtime import Table, query


class Points(BaseModel):
    """What a customer has earned."""

    customer_id: str
    balance: int


@query("/customers/{customer_id}/points")
def handler(customer_id: str, points: Table) -> Points | None:
    """The points of a customer; none, before the first order is completed."""
    found = points.get_item(Key={"customer_id": customer_id})
    return Points.model_validate(found["Item"]) if "Item" in found else None
