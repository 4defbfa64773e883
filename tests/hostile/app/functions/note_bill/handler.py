"""Records bills in order."""

from functions.contracts.guests import GuestArrived
from functions.contracts.hotel import RoomGiven
from millrace.runtime import Table, processor


@processor
def handler(event: RoomGiven | GuestArrived, done: Table) -> None:
    """Fail for a guest with the name Trouble."""
    done.put_item(Item={"key": f"{event.metadata.event_id}/note_bill"})
    if isinstance(event, GuestArrived) and event.name == "Trouble":
        raise ValueError("no such card", {"card": event.card})
