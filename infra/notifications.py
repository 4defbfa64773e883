"""The notifications context: messages to customers through an external provider that can be unavailable."""

from constructs import Construct

from millrace.constructs import Bus, Processor, fail_over, queue


class Notifications(Construct):
    """Notifies by email and, if the circuit breaker does not help, by post."""

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
