"""Shows a customer."""

from functions.contracts.views import CustomerView
from millrace.runtime import ReadModel, query


@query("/customers/{customer_id}")
def handler(customer_id: str, customers: ReadModel[CustomerView]) -> CustomerView | None:
    """Return the order statistics of a customer."""
    return customers.get(customer_id)
