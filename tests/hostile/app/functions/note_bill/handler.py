"""Notes who is to pay, in order."""

from functions.contracts.inn import RoomGiven
from functions.contracts.outside import GuestArrived
from millrace.runtime import Table, processor


@processor
def handler(given: RoomGiven | GuestArrived, done: Table) -> None:
    """A guest called Trouble makes it fail."""
    done.put_item(Item={"key": f"{given.metadata.event_id}/note_bill"})
    if isinstance(given, GuestArrived) and given.name == "Trouble":
        raise ValueError("no such card", {"card": given.card})
