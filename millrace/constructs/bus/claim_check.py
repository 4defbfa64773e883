"""The claim check of a bus: the bucket that stores the data of large events, and its permissions."""

from typing import cast

from aws_cdk import ArnFormat, CfnResource, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IConstruct

from millrace.constructs.bus.encrypted_resources import encrypted_bucket, own_bucket_statement
from millrace.constructs.bus.encryption import READ_ACTIONS, WRITE_ACTIONS, grant_key
from millrace.constructs.failure.dead_letters import RETENTION_DAYS
from millrace.constructs.function.project import EventTypes
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.events.claims import claim_key_prefix, claims_parameter
from millrace.runtime.claims import ABOVE, BUCKET

_MAX_BYTES = 1_048_576
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""


class ClaimCheck(Construct):
    """The claim check bucket. An SSM parameter named after the bus contains its name, for functions of other stacks.

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
        self._parameter = claims_parameter(bus)
        self._bucket: s3.Bucket | None = None

    def create_bucket(self, archive_retention: Duration) -> None:
        """Create the bucket in the stack of the bus. Objects never expire if the archive keeps all events."""
        days = int(archive_retention.to_days())
        rules = [s3.LifecycleRule(expiration=Duration.days(days + RETENTION_DAYS))] if days else []
        self._bucket = encrypted_bucket(self, "Bucket", self._key, lifecycle_rules=rules)
        cast("CfnResource", self._bucket.node.default_child).add_metadata("millrace", {"claims": self._threshold})
        ssm.StringParameter(
            self,
            "Name",
            parameter_name=self._parameter,
            string_value=self._bucket.bucket_name,
            description="The bucket that stores the data of large events",
        )

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
        function.add_environment(BUCKET, self._bucket_name(role))
        function.add_environment(ABOVE, str(self._threshold))
        self._allow(role, "s3:PutObject", publishes)
        self._allow(role, "s3:GetObject", consumes)
        if consumes:
            role.add_to_principal_policy(own_bucket_statement(role, ["s3:ListBucket"], [self._arn(role)]))
        grant_key(self._key, role, "s3", WRITE_ACTIONS if publishes else READ_ACTIONS)

    def _allow(self, role: iam.IRole, action: str, event_types: EventTypes) -> None:
        names = sorted(
            {f"{claim_key_prefix(event.contract.source, event.contract.detail_type)}*" for event in event_types}
        )
        if not names:
            return
        arns = [f"{self._arn(role)}/{name}" for name in names]
        role.add_to_principal_policy(own_bucket_statement(role, [action], arns))
        findings = [f"AwsSolutions-IAM5[Resource::{_as_cdk_nag(role, arn)}]" for arn in arns]
        acknowledge(role, "Object keys consist of the event's name, ids, and hashes.", *findings)

    def _bucket_name(self, user: IConstruct) -> str:
        """Return the name of the bucket or, in another stack, the value of the SSM parameter.

        A nested stack is deployed with its parent, which may not have created the parameter yet.
        """
        if self._bucket and _outermost_stack(user) == _outermost_stack(self):
            name: str = self._bucket.bucket_name
            return name
        value: str = ssm.StringParameter.value_for_string_parameter(user, self._parameter)
        return value

    def _arn(self, role: iam.IRole) -> str:
        arn: str = Stack.of(role).format_arn(
            service="s3", region="", account="", resource=self._bucket_name(role), arn_format=ArnFormat.NO_RESOURCE_NAME
        )
        return arn


def _outermost_stack(scope: IConstruct) -> str:
    stack = Stack.of(scope)
    while stack.nested_stack_parent:
        stack = stack.nested_stack_parent
    return str(stack.node.path)


def _as_cdk_nag(role: iam.IRole, arn: str) -> str:
    """Format an ARN as cdk-nag does, with CloudFormation's references in angle brackets."""
    parts = Stack.of(role).resolve(arn)["Fn::Join"][1]
    return "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)
