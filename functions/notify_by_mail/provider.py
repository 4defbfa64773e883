"""The mail provider, a service outside, as the shop plays it: whether it answers is told by the data."""

UNREACHABLE = "unreachable-"


class MailerDown(ConnectionError):
    """The provider does not answer."""


def send(customer_id: str, message: str) -> None:
    """Hand a message over. The provider is away for the customers whose id begins with `UNREACHABLE`."""
    if customer_id.startswith(UNREACHABLE):
        raise MailerDown(f"no answer for a message of {len(message)} characters to {customer_id}")
