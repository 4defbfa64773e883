"""The encryption key of a bus, and who may use it.

Key permissions are written explicitly, because CDK's grants would add wildcard actions.
"""

from typing import Any, Literal

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

EncryptionKey = kms.IKey | Literal["create"]
READ_ACTIONS = ("kms:Decrypt",)
WRITE_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""
TABLE_ACTIONS = (
    *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"),
    *("kms:ReEncryptFrom", "kms:ReEncryptTo"),
)
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html"""


def resolve_key(scope: Construct, choice: EncryptionKey | None) -> kms.IKey | None:
    """Return the given key, or create one with yearly rotation that is retained when the stack is deleted."""
    if choice != "create":
        return choice
    return kms.Key(scope, "Key", enable_key_rotation=True, removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)


def grant_key(key: kms.IKey | None, role: iam.IRole, service: str, actions: tuple[str, ...]) -> None:
    """Allow a role to use a key through one service, such as `sqs`. Without a key, do nothing."""
    if key is None:
        return
    via = f"{service}.{Stack.of(role).region}.amazonaws.com"
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=list(actions), resources=[key.key_arn], conditions={"StringEquals": {"kms:ViaService": via}}
        )
    )


def encrypt_state_machine(machine: sfn.StateMachine, name: str, key: kms.IKey) -> None:
    """Encrypt a state machine's definition and history; its role may use the key only for this state machine.

    CDK's `encryption_configuration` would grant log delivery the key without a condition.
    https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
    """
    if isinstance(resource := machine.node.default_child, sfn.CfnStateMachine):
        resource.encryption_configuration = sfn.CfnStateMachine.EncryptionConfigurationProperty(
            type="CUSTOMER_MANAGED_KMS_KEY", kms_key_id=key.key_arn
        )
    own = Stack.of(machine).format_arn(
        service="states", resource="stateMachine", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    conditions = [
        {"StringEquals": {"kms:EncryptionContext:aws:states:stateMachineArn": own}},
        {"StringEquals": {"kms:EncryptionContext:SourceArn": _all_logs(Stack.of(machine))}},
    ]
    for condition in conditions:
        statement = iam.PolicyStatement(actions=list(WRITE_ACTIONS), resources=[key.key_arn], conditions=condition)
        machine.add_to_role_policy(statement)


def allow_services_to_use_key(scope: Construct, key: kms.IKey, bus: str, alarm_topic: sns.ITopic | None) -> None:
    """Allow EventBridge, CloudWatch Logs, and alarms with a topic under this key to use it for resources of the bus.

    The policy of an imported key does not change; docs/security.md lists the statements that it needs.
    """
    for statement in (_key_description(), _events(Stack.of(scope), bus), _archives(Stack.of(scope), bus)):
        key.add_to_resource_policy(statement)
    key.add_to_resource_policy(_logs(Stack.of(scope)))
    key.add_to_resource_policy(_log_delivery(Stack.of(scope)))
    if alarm_topic and alarm_topic.master_key and alarm_topic.master_key.key_arn == key.key_arn:
        key.add_to_resource_policy(_alarms(Stack.of(scope)))


def _key_description() -> iam.PolicyStatement:
    """EventBridge describes the key before a bus or an archive exists, so without a source.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/encryption-archives.html
    """
    return iam.PolicyStatement(
        sid="EventBridgeKey",
        principals=[iam.ServicePrincipal("events.amazonaws.com")],
        actions=["kms:DescribeKey"],
        resources=["*"],
    )


def _events(stack: Stack, bus: str) -> iam.PolicyStatement:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html."""
    sources = [("event-bus", bus), ("rule", f"{bus}/*")]
    arns = [stack.format_arn(service="events", resource=kind, resource_name=name) for kind, name in sources]
    return _statement(stack, "EventBridge", "events.amazonaws.com", WRITE_ACTIONS, {"aws:SourceArn": arns})


def _archives(stack: Stack, bus: str) -> iam.PolicyStatement:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/encryption-archives.html."""
    arn = stack.format_arn(service="events", resource="event-bus", resource_name=bus)
    return iam.PolicyStatement(
        sid="EventBridgeArchives",
        principals=[iam.ServicePrincipal("events.amazonaws.com")],
        actions=[*WRITE_ACTIONS, "kms:ReEncryptFrom", "kms:ReEncryptTo"],
        resources=["*"],
        conditions={"StringEquals": {"kms:EncryptionContext:aws:events:event-bus:arn": arn}},
    )


def allow_rule_to_use_key(scope: Construct, key: kms.IKey, name: str) -> None:
    """Allow a rule of the default bus, identified by its name, to send events to queues under the key."""
    arn = Stack.of(scope).format_arn(service="events", resource="rule", resource_name=name)
    key.add_to_resource_policy(
        _statement(
            Stack.of(scope), name.replace("-", ""), "events.amazonaws.com", WRITE_ACTIONS, {"aws:SourceArn": arn}
        )
    )


def _logs(stack: Stack) -> iam.PolicyStatement:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html."""
    groups = stack.format_arn(
        service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    return iam.PolicyStatement(
        sid="Logs",
        principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
        actions=list(TABLE_ACTIONS),
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def _log_delivery(stack: Stack) -> iam.PolicyStatement:
    """Logs of state machines: https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html."""
    return iam.PolicyStatement(
        sid="DeliveredLogs",
        principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
        actions=list(READ_ACTIONS),
        resources=["*"],
        conditions={"StringEquals": {"kms:EncryptionContext:SourceArn": _all_logs(stack)}},
    )


def _all_logs(stack: Stack) -> str:
    arn: str = stack.format_arn(service="logs", resource="*", arn_format=ArnFormat.COLON_RESOURCE_NAME)
    return arn


def _alarms(stack: Stack) -> iam.PolicyStatement:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html."""
    alarms = stack.format_arn(
        service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    return _statement(stack, "Alarms", "cloudwatch.amazonaws.com", WRITE_ACTIONS, {"aws:SourceArn": alarms})


def _statement(
    stack: Stack, sid: str, service: str, actions: tuple[str, ...], arn_like: dict[str, Any]
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(service)],
        actions=list(actions),
        resources=["*"],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": arn_like},
    )
