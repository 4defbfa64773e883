"""The claim check of a bus: the bucket that stores the data of large events, and its permissions."""

from typing import cast

from aws_cdk import ArnFormat, CfnResource, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from millrace.constructs.bus.encrypted_resources import encrypted_bucket
from millrace.constructs.bus.encryption import READ_ACTIONS, WRITE_ACTIONS, grant_key
from millrace.constructs.failure.dead_letters import RETENTION_DAYS
from millrace.constructs.function.project import EventTypes
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.events.claims import claims_bucket, claims_of
from millrace.runtime.claims import ABOVE, BUCKET

_MAX_BYTES = 1_048_576
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""


class ClaimCheck(Construct):
    """The claim check bucket. Its name follows from the name of the bus, so functions of other stacks can use it.

    An object is retained as long as its event in the archive, plus the retention of a dead-letter queue.
    """

    def __init__(self, scope: Construct, *, bus: str, threshold: int, key: kms.IKey | None) -> None:
        super().__init__(scope, "Claims")
        if not 1 <= threshold <= _MAX_BYTES:
            raise ValueError(
                f"{scope.node.path}: claim_check_threshold={threshold}: PutEvents takes {_MAX_BYTES} bytes at most: "
                f"set 1 to {_MAX_BYTES}, or None to disable the claim check."
            )
        self._threshold = threshold
        self._key = key
        self.bucket_name = claims_bucket(bus, Stack.of(self).account, Stack.of(self).region)

    def create_bucket(self, archive_retention: Duration) -> None:
        """Create the bucket in the stack of the bus. Objects never expire if the archive keeps all events."""
        days = int(archive_retention.to_days())
        rules = [s3.LifecycleRule(expiration=Duration.days(days + RETENTION_DAYS))] if days else []
        bucket = encrypted_bucket(
            self,
            "Bucket",
            self._key,
            bucket_name=self.bucket_name,
            lifecycle_rules=rules,
            removal_policy=RemovalPolicy.DESTROY,
        )
        cast("CfnResource", bucket.node.default_child).add_metadata("millrace", {"claims": self._threshold})

    def grant(
        self, function: lambda_.Function, role: iam.IRole, *, publishes: EventTypes = (), consumes: EventTypes = ()
    ) -> None:
        """Allow a function to store the data of events that it publishes, and to read that of events it consumes.

        Without s3:ListBucket, S3 reports a missing object as access denied.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        publishes, consumes = list(publishes), list(consumes)
        if not publishes and not consumes:
            return
        function.add_environment(BUCKET, self.bucket_name)
        function.add_environment(ABOVE, str(self._threshold))
        self._allow(role, "s3:PutObject", publishes)
        self._allow(role, "s3:GetObject", consumes)
        if consumes:
            role.add_to_principal_policy(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self._arn(role)]))
        grant_key(self._key, role, "s3", WRITE_ACTIONS if publishes else READ_ACTIONS)

    def _allow(self, role: iam.IRole, action: str, event_types: EventTypes) -> None:
        names = sorted({f"{claims_of(event.contract.source, event.contract.detail_type)}*" for event in event_types})
        if not names:
            return
        arns = [f"{self._arn(role)}/{name}" for name in names]
        role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=arns))
        findings = [f"AwsSolutions-IAM5[Resource::{_as_cdk_nag(role, self._arn(role))}/{name}]" for name in names]
        acknowledge(role, "Object keys consist of the event's name, ids, and hashes.", *findings)

    def _arn(self, role: iam.IRole) -> str:
        arn: str = Stack.of(role).format_arn(
            service="s3", region="", account="", resource=self.bucket_name, arn_format=ArnFormat.NO_RESOURCE_NAME
        )
        return arn


def _as_cdk_nag(role: iam.IRole, arn: str) -> str:
    """Format an ARN as cdk-nag does, with CloudFormation's pseudo parameters in angle brackets."""
    stack = Stack.of(role)
    for token, name in ((stack.partition, "Partition"), (stack.account, "AccountId"), (stack.region, "Region")):
        if Token.is_unresolved(token):
            arn = arn.replace(token, f"<AWS::{name}>")
    return arn
