"""Notifications: customers are told how their orders ended, by a provider outside that may be away."""

from constructs import Construct

from millrace.constructs import Bus, Processor, fail_over, queue


class Notifications(Construct):
    """By mail; where that fails in spite of its breaker, by post. Orders and fulfilment know nothing of it."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus) -> None:  # noqa: A002
        super().__init__(scope, id)
        Processor(
            self,
            "Notify",
            bus=bus,
            function="notify_by_mail",
            channel=queue(max_receive_count=2),
            failure=fail_over("notify_by_post"),
        )
