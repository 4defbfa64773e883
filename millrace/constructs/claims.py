"""The claim check of a bus: the bucket in which the data of large events lies, and who may put and get what there."""

from typing import cast

from aws_cdk import ArnFormat, CfnResource, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from millrace.constructs.acknowledged import acknowledge
from millrace.constructs.buckets import encrypted_bucket
from millrace.constructs.declared import EventTypes
from millrace.constructs.encryption import READ, WRITE, grant_key
from millrace.constructs.queues import KEPT_DAYS
from millrace.events.claims import claim_key_prefix, claims_bucket
from millrace.runtime.claims import ABOVE, BUCKET

_MOST_BYTES = 1_048_576
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""


class Claims(Construct):
    """The bucket, known by the name of its bus, so that the functions of other stacks find it, too.

    A claim is kept for as long as its event is in the archive, and then for as long as a dead letter.
    """

    def __init__(self, scope: Construct, *, bus: str, above: int, key: kms.IKey | None) -> None:
        super().__init__(scope, "Claims")
        if not 1 <= above <= _MOST_BYTES:
            raise ValueError(
                f"{scope.node.path}: claim_check_above={above}: PutEvents takes {_MOST_BYTES} bytes at most: give 1 to "
                f"that many, or None for a bus without claim check."
            )
        self._above = above
        self._key = key
        self.bucket_name = claims_bucket(bus, Stack.of(self).account, Stack.of(self).region)

    def make(self, archived: Duration) -> None:
        """Make the bucket, in the stack of its bus. An archive of 0 days keeps its events, and so are their claims."""
        days = int(archived.to_days())
        expiring = [s3.LifecycleRule(expiration=Duration.days(days + KEPT_DAYS))] if days else []
        made = encrypted_bucket(
            self,
            "Bucket",
            self._key,
            bucket_name=self.bucket_name,
            lifecycle_rules=expiring,
            removal_policy=RemovalPolicy.DESTROY,
        )
        cast("CfnResource", made.node.default_child).add_metadata("millrace", {"claims": self._above})

    def let_use(
        self, function: lambda_.Function, role: iam.IRole, *, publishes: EventTypes = (), consumes: EventTypes = ()
    ) -> None:
        """Let a function keep the data of what it publishes, and fetch that of what it takes, each below its name.

        Who may not list a bucket is not told that an object is gone, just that it is denied.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        publishes, consumes = list(publishes), list(consumes)
        if not publishes and not consumes:
            return
        function.add_environment(BUCKET, self.bucket_name)
        function.add_environment(ABOVE, str(self._above))
        self._allow(role, "s3:PutObject", publishes)
        self._allow(role, "s3:GetObject", consumes)
        if consumes:
            role.add_to_principal_policy(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self._arn(role)]))
        grant_key(self._key, role, "s3", WRITE if publishes else READ)

    def _allow(self, role: iam.IRole, action: str, events: EventTypes) -> None:
        names = sorted({f"{claim_key_prefix(event.contract.source, event.contract.detail_type)}*" for event in events})
        if not names:
            return
        arns = [f"{self._arn(role)}/{name}" for name in names]
        role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=arns))
        found = [f"AwsSolutions-IAM5[Resource::{_shown(role, self._arn(role))}/{name}]" for name in names]
        acknowledge(role, "The names below those of events are made of ids and hashes.", *found)

    def _arn(self, role: iam.IRole) -> str:
        arn: str = Stack.of(role).format_arn(
            service="s3", region="", account="", resource=self.bucket_name, arn_format=ArnFormat.NO_RESOURCE_NAME
        )
        return arn


def _shown(role: iam.IRole, arn: str) -> str:
    """An ARN as cdk-nag shows it, the parameters of CloudFormation in angle brackets."""
    stack = Stack.of(role)
    for token, name in ((stack.partition, "Partition"), (stack.account, "AccountId"), (stack.region, "Region")):
        if Token.is_unresolved(token):
            arn = arn.replace(token, f"<AWS::{name}>")
    return arn
