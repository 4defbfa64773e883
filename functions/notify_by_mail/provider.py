"""A simulated external mail provider; the customer id decides whether it is available."""

UNREACHABLE = "unreachable-"


class MailerDown(ConnectionError):
    """The provider is unavailable."""


def send(customer_id: str, message: str) -> None:
    """Send a message. The provider is unavailable for customer ids that start with `UNREACHABLE`."""
    if customer_id.startswith(UNREACHABLE):
        raise MailerDown(f"no answer for a message of {len(message)} characters to {customer_id}")
