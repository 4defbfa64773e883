"""Loyalty: points, tiers and gifts follow completed orders, which know nothing of them."""

from aws_cdk import RemovalPolicy
from constructs import Construct

from infra.tables import table
from millrace.constructs import Bus, Processor


class Loyalty(Construct):
    """Three processors, each led on by what the one before it says."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, removal: RemovalPolicy) -> None:  # noqa: A002
        super().__init__(scope, id)
        self.points = table(self, "Points", key="customer_id", bus=bus, removal=removal)
        Processor(self, "AwardPoints", bus=bus, function="award_points", tables={"points": self.points})
        Processor(self, "UpgradeTier", bus=bus, function="upgrade_tier")
        Processor(self, "IssueGift", bus=bus, function="issue_gift")
