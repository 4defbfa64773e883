"""Records that a shipment was too warm."""

from functions.contracts.cold_chain import TemperatureBreached
from millrace.runtime import Table, processor


@processor(repeatable="it writes the same item again")
def handler(breach: TemperatureBreached, breaches: Table) -> None:
    """Store the breach for the step of the saga that releases shipments."""
    reason = f"{breach.celsius} °C on average from {breach.since} until {breach.until}"
    breaches.put_item(Item={"order_id": breach.order_id, "reason": reason, "event_id": breach.metadata.event_id})
