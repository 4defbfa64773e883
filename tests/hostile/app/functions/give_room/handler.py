"""Gives a room to an arrived guest or for a booking."""

from functions.contracts.guests import GuestArrived
from functions.contracts.hotel import BookRoom, RoomGiven
from millrace.runtime import Table, processor


@processor
def handler(event: GuestArrived | BookRoom, done: Table) -> RoomGiven:
    """Fail for a guest with the name Trouble."""
    done.put_item(Item={"key": f"{event.metadata.event_id}/give_room"})
    if isinstance(event, GuestArrived) and event.name == "Trouble":
        raise KeyError(event.card)
    return RoomGiven(key=event.key, card=event.card)
