"""The credit context: rates customers by their completed and rejected orders."""

from aws_cdk import RemovalPolicy
from constructs import Construct

from infra.tables import table
from millrace.constructs import Bus, Processor, direct


class Credit(Construct):
    """One processor, which the rule invokes directly: ratings are not urgent."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, removal_policy: RemovalPolicy) -> None:  # noqa: A002
        super().__init__(scope, id)
        ratings = table(self, "Ratings", key="customer_id", bus=bus, removal_policy=removal_policy)
        Processor(self, "RateCredit", bus=bus, function="rate_credit", channel=direct(), tables={"ratings": ratings})
