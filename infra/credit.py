"""Credit: a rating follows from how orders end."""

from aws_cdk import RemovalPolicy
from constructs import Construct

from infra.tables import table
from millrace.constructs import Bus, Processor, direct


class Credit(Construct):
    """One processor. Nobody waits for a rating, so it needs no queue."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, removal: RemovalPolicy) -> None:  # noqa: A002
        super().__init__(scope, id)
        ratings = table(self, "Ratings", key="customer_id", bus=bus, removal=removal)
        Processor(self, "RateCredit", bus=bus, function="rate_credit", channel=direct(), tables={"ratings": ratings})
