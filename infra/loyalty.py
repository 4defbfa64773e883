"""The loyalty context: points, tiers, and gifts for completed orders."""

from aws_cdk import RemovalPolicy
from constructs import Construct

from infra.tables import table
from millrace.constructs import Bus, Processor


class Loyalty(Construct):
    """Three processors; each consumes the event of the one before it."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, removal_policy: RemovalPolicy) -> None:  # noqa: A002
        super().__init__(scope, id)
        self.points = table(self, "Points", key="customer_id", bus=bus, removal_policy=removal_policy)
        Processor(self, "AwardPoints", bus=bus, function="award_points", tables={"points": self.points})
        Processor(self, "UpgradeTier", bus=bus, function="upgrade_tier")
        Processor(self, "IssueGift", bus=bus, function="issue_gift")
