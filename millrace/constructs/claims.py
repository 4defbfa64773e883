"""The claim check of a bus: the bucket in which the data of large events lies, and who may put and get what there."""

from typing import cast

from aws_cdk import ArnFormat, CfnResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IConstruct

from millrace.constructs.acknowledged import acknowledge
from millrace.constructs.buckets import encrypted_bucket, own_bucket
from millrace.constructs.declared import EventTypes
from millrace.constructs.encryption import READ, WRITE, grant_key
from millrace.constructs.queues import KEPT_DAYS
from millrace.events.claims import claims_of, claims_parameter
from millrace.runtime.claims import ABOVE, BUCKET

_MOST_BYTES = 1_048_576
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""


class Claims(Construct):
    """The bucket. CloudFormation chooses its name; a parameter in SSM named after the bus holds it for other stacks.

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
        self._parameter = claims_parameter(bus)
        self._made: s3.Bucket | None = None

    def make(self, archived: Duration) -> None:
        """Make the bucket, in the stack of its bus. An archive of 0 days keeps its events, and so are their claims."""
        days = int(archived.to_days())
        expiring = [s3.LifecycleRule(expiration=Duration.days(days + KEPT_DAYS))] if days else []
        self._made = encrypted_bucket(
            self,
            "Bucket",
            self._key,
            lifecycle_rules=expiring,
            removal_policy=RemovalPolicy.DESTROY,
        )
        cast("CfnResource", self._made.node.default_child).add_metadata("millrace", {"claims": self._above})
        ssm.StringParameter(
            self,
            "Name",
            parameter_name=self._parameter,
            string_value=self._made.bucket_name,
            description="The bucket in which the data of large events lies.",
        )

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
        function.add_environment(BUCKET, self._bucket_for(role))
        function.add_environment(ABOVE, str(self._above))
        self._allow(role, "s3:PutObject", publishes)
        self._allow(role, "s3:GetObject", consumes)
        if consumes:
            role.add_to_principal_policy(own_bucket(role, ["s3:ListBucket"], [self._arn(role)]))
        grant_key(self._key, role, "s3", WRITE if publishes else READ)

    def _allow(self, role: iam.IRole, action: str, events: EventTypes) -> None:
        names = sorted({f"{claims_of(event.contract.source, event.contract.detail_type)}*" for event in events})
        if not names:
            return
        arns = [f"{self._arn(role)}/{name}" for name in names]
        role.add_to_principal_policy(own_bucket(role, [action], arns))
        found = [f"AwsSolutions-IAM5[Resource::{_shown(role, arn)}]" for arn in arns]
        acknowledge(role, "The names below those of events are made of ids and hashes.", *found)

    def _bucket_for(self, user: IConstruct) -> str:
        """The name of the bucket in the stack of its bus; in another stack the value of the parameter that holds it.

        A nested stack is deployed with its parent, which may not have created the parameter by then.
        """
        if self._made and _root(user) == _root(self):
            name: str = self._made.bucket_name
            return name
        value: str = ssm.StringParameter.value_for_string_parameter(user, self._parameter)
        return value

    def _arn(self, role: iam.IRole) -> str:
        arn: str = Stack.of(role).format_arn(
            service="s3", region="", account="", resource=self._bucket_for(role), arn_format=ArnFormat.NO_RESOURCE_NAME
        )
        return arn


def _root(scope: IConstruct) -> str:
    """The path of a construct's stack; of a nested one, that of the outermost stack."""
    stack = Stack.of(scope)
    while stack.nested_stack_parent:
        stack = stack.nested_stack_parent
    return str(stack.node.path)


def _shown(role: iam.IRole, arn: str) -> str:
    """An ARN as cdk-nag shows it, references of CloudFormation in angle brackets."""
    parts = Stack.of(role).resolve(arn)["Fn::Join"][1]
    return "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)
