"""Gives a room to whoever comes or asks."""

from functions.contracts.inn import BookRoom, RoomGiven
from functions.contracts.outside import GuestArrived
from millrace.runtime import Table, processor


@processor
def handler(asked: GuestArrived | BookRoom, done: Table) -> RoomGiven:
    """A guest called Trouble makes it fail."""
    done.put_item(Item={"key": f"{asked.metadata.event_id}/give_room"})
    if isinstance(asked, GuestArrived) and asked.name == "Trouble":
        raise KeyError(asked.card)
    return RoomGiven(key=asked.key, card=asked.card)
