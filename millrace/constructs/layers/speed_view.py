"""The speed layer: the archive of events, and the views of those that no batch has covered yet."""

from typing import cast

from aws_cdk import CfnElement, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encrypted_resources import encrypted_bucket, encrypted_table, own_bucket_statement
from millrace.constructs.bus.encryption import READ_ACTIONS, WRITE_ACTIONS, grant_key
from millrace.constructs.function.project import record_source_location
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import grant_table_actions
from millrace.runtime import Declaration
from millrace.runtime.layers.views import speed_variable


class SpeedView(Construct):
    """An archive of events in S3, and a table of views.

    Pass it to a processor by the name of the handler's parameter: `tables={"sales": speed}` for `sales: SpeedView`. The
    bucket stays when the stack is deleted. A `BatchView` computes the views of its events.
    """

    parameter_type = "SpeedView"

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        kinds = dynamodb.AttributeType
        self.table = encrypted_table(
            self,
            "Views",
            bus.encryption_key,
            removal_policy,
            partition_key=dynamodb.Attribute(name="id", type=kinds.STRING),
            sort_key=dynamodb.Attribute(name="generation", type=kinds.NUMBER),
            time_to_live_attribute="expiration",
        )
        self.archive = encrypted_bucket(self, "Archive", bus.encryption_key)
        Alarms(self, bus.alarm_topic).table(self.table)

    @property
    def address(self) -> str:
        """The name of the table and, after a slash, of the bucket."""
        return f"{self.table.table_name}/{self.archive.bucket_name}"

    def environment(self, parameter: str) -> dict[str, str]:
        """Return the environment variable by which a handler finds the view."""
        return {speed_variable(parameter): self.address}

    def grant(self, role: iam.IRole, declaration: Declaration, parameter: str) -> None:  # noqa: ARG002
        """Allow a handler to archive and count events."""
        grant_table_actions(role, self.table, "GetItem", "PutItem", "UpdateItem")
        self._grant_objects(role, "s3:PutObject")

    def grant_batch(self, role: iam.IRole) -> None:
        """Allow a batch view to read the archive and to store views."""
        grant_table_actions(role, self.table, "PutItem", "UpdateItem")
        self._grant_objects(role, "s3:GetObject")

    def _grant_objects(self, role: iam.IRole, action: str) -> None:
        """Allow a role to list objects, and to read or write them."""
        objects = self.archive.arn_for_objects("day=*")
        role.add_to_principal_policy(own_bucket_statement(self, [action], [objects]))
        role.add_to_principal_policy(own_bucket_statement(self, ["s3:ListBucket"], [self.archive.bucket_arn]))
        key_actions = WRITE_ACTIONS if action == "s3:PutObject" else READ_ACTIONS
        grant_key(self.archive.encryption_key, role, "s3", key_actions)
        bucket = Stack.of(self).get_logical_id(cast("CfnElement", self.archive.node.default_child))
        finding = f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/day=*]"
        acknowledge(role, "Object keys consist of days and event ids.", finding)
