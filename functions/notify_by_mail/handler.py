"""Notifies customers by email of completed and rejected orders."""

from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from functions.contracts.notifications import CustomerNotified
from functions.notify_by_mail.messages import message
from functions.notify_by_mail.provider import MailerDown, send
from millrace.runtime import breaker, processor


@processor
@breaker("mailer", on=MailerDown, threshold=3, max_wait=600)
def handler(order: OrderCompleted | OrderRejected) -> CustomerNotified:
    """While the provider is unavailable, events wait for up to ten minutes; then `notify_by_post` handles them."""
    send(order.customer_id, message(order))
    return CustomerNotified(order_id=order.order_id, customer_id=order.customer_id, by="mail")
