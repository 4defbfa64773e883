"""Topics of Kafka as the source of a stream processor: Amazon MSK, or a cluster of your own.

https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.channels.channel import FailurePath, check_batch_size
from millrace.constructs.failure.failed_records import BucketDestination, failed_records_bucket
from millrace.constructs.function.function import Function
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.stream.sources import StreamSource, StreamSourceError
from millrace.runtime.stream.windows import Frame

Authentication = Literal["BASIC_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH", "SASL_SCRAM_256_AUTH", "SASL_SCRAM_512_AUTH"]
"""https://docs.aws.amazon.com/lambda/latest/api/API_SourceAccessConfiguration.html"""
_VPC_ACTIONS = (
    *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"),
    *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
)
_CLUSTER_ACTIONS = ("kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers")


@dataclass(frozen=True)
class KafkaSource(StreamSource):
    """Topic → function; see `kafka`."""

    topic: str
    cluster_arn: str | None
    bootstrap_servers: Sequence[str]
    consumer_group: str
    secret: secretsmanager.ISecret | None
    authentication: Authentication
    subnets: Sequence[ec2.ISubnet]
    security_groups: Sequence[ec2.ISecurityGroup]
    batch_size: int
    max_batching_window: Duration | None
    alarm_age: Duration | None

    def connect(self, scope: Construct, bus: Bus, function: Function, failures: FailurePath, frame: Frame) -> None:  # noqa: ARG002 - Lambda carries no windows for Kafka
        """Create the event source mapping, its permissions, and the failure path."""
        if bool(self.cluster_arn) == bool(self.bootstrap_servers):
            raise StreamSourceError(
                f"StreamProcessor {scope.node.path}: kafka(topic={self.topic!r}) needs either cluster_arn, for MSK, or "
                f"bootstrap_servers."
            )
        check_batch_size(f"StreamProcessor {scope.node.path}", self.batch_size)
        lambda_.EventSourceMapping(
            scope,
            "Source",
            target=function.function,
            event_source_arn=self.cluster_arn,
            kafka_bootstrap_servers=list(self.bootstrap_servers) or None,
            kafka_topic=self.topic,
            kafka_consumer_group_id=self.consumer_group,
            source_access_configurations=self._access(),
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=self.batch_size,
            max_batching_window=self.max_batching_window,
            on_failure=BucketDestination(failed_records_bucket(scope, bus.encryption_key, failures.dead_letters)),
            support_s3_on_failure_destination=True,
        )
        self._grant(function)
        failures.alarms.lag(function.function, self.alarm_age)

    def _access(self) -> list[lambda_.SourceAccessConfiguration] | None:
        kinds = lambda_.SourceAccessConfigurationType
        found: list[tuple[Any, str]] = []
        if self.secret:
            found.append((kinds.of(self.authentication), self.secret.secret_arn))
        if self.bootstrap_servers:
            found += [(kinds.VPC_SUBNET, f"subnet:{subnet.subnet_id}") for subnet in self.subnets]
            groups = (group.security_group_id for group in self.security_groups)
            found += [(kinds.VPC_SECURITY_GROUP, f"security_group:{group}") for group in groups]
        return [lambda_.SourceAccessConfiguration(type=kind, uri=uri) for kind, uri in found] or None

    def _grant(self, function: Function) -> None:
        """Allow Lambda to read the secret, to find the cluster, and to create network interfaces in its subnets.

        https://docs.aws.amazon.com/lambda/latest/dg/kafka-permissions.html
        """
        if self.secret:
            self.secret.grant_read(function.role)
        if self.cluster_arn:
            actions = [*_CLUSTER_ACTIONS, "kafka-cluster:Connect"]
            function.role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=[self.cluster_arn]))
            group, topic = "kafka-cluster:DescribeGroup", "kafka-cluster:DescribeTopic"
            own = [(group, "group", self.consumer_group), ("kafka-cluster:AlterGroup", "group", self.consumer_group)]
            own += [(topic, "topic", self.topic), ("kafka-cluster:ReadData", "topic", self.topic)]
            for action, kind, name in own:
                arn = f"{_named(self.cluster_arn, kind)}/{name}"
                function.role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=[arn]))
        if self.cluster_arn or self.subnets:
            statement = iam.PolicyStatement(actions=list(_VPC_ACTIONS), resources=["*"])
            function.role.add_to_principal_policy(statement)
        reason = "The on-failure destination of its event source receives failed records."
        acknowledge(function.function, reason, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(function.function, "The partitions of the topic limit its concurrency.", "CKV_AWS_115")


def _named(cluster_arn: str, kind: str) -> str:
    """Return the prefix of a cluster's topics or groups: `arn:…:cluster/name/id` becomes `arn:…:topic/name/id`.

    https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html
    """
    return cluster_arn.replace(":cluster/", f":{kind}/")


def kafka(  # noqa: PLR0913 - each argument is a separate setting
    topic: str,
    *,
    consumer_group: str,
    cluster_arn: str | None = None,
    bootstrap_servers: Sequence[str] = (),
    secret: secretsmanager.ISecret | None = None,
    authentication: Authentication = "SASL_SCRAM_512_AUTH",
    subnets: Sequence[ec2.ISubnet] = (),
    security_groups: Sequence[ec2.ISecurityGroup] = (),
    batch_size: int = 1000,
    max_batching_window: Duration | None = None,
    alarm_age: Duration | None = None,
) -> StreamSource:
    """Read a topic of an MSK cluster (`cluster_arn`) or of a cluster at `bootstrap_servers`.

    The key of a record is the key of its reading. `secret` holds the credentials of the `authentication`; MSK without
    a secret uses IAM. `subnets` and `security_groups` reach a cluster of your own in a VPC. Lambda retries a failing
    batch until it succeeds or its records expire; then a bucket keeps it.
    """
    return KafkaSource(
        topic,
        cluster_arn,
        bootstrap_servers,
        consumer_group,
        secret,
        authentication,
        subnets,
        security_groups,
        batch_size,
        max_batching_window,
        alarm_age,
    )
