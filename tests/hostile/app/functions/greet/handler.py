"""Greets whoever comes, and tells of it."""

from aws_lambda_powertools import Logger

from functions.contracts.outside import GuestArrived
from millrace.runtime import Table, processor


@processor
def handler(guest: GuestArrived, done: Table) -> None:
    """A guest called Trouble makes it fail."""
    done.put_item(Item={"key": f"{guest.metadata.event_id}/greet"})
    print(f"somebody comes: {guest}")
    Logger().info("a guest", extra={"guest": guest})
    if guest.name == "Trouble":
        raise PermissionError(f"The police asks for {guest.passports[0].number}, who pays with {guest.card}.")
