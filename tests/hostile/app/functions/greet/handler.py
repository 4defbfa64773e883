"""Greets guests, and logs them."""

from aws_lambda_powertools import Logger

from functions.contracts.guests import GuestArrived
from millrace.runtime import Table, processor


@processor
def handler(guest: GuestArrived, done: Table) -> None:
    """Fail for a guest with the name Trouble."""
    done.put_item(Item={"key": f"{guest.metadata.event_id}/greet"})
    print(f"guest arrived: {guest}")
    Logger().info("a guest", extra={"guest": guest})
    if guest.name == "Trouble":
        raise PermissionError(f"Passport {guest.passports[0].number} with card {guest.card} is blocked.")
