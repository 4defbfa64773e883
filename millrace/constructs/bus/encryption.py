"""The one key of a bus: who may use it, and for what.

Queues, functions and machines hide the key from CDK's own grants, which would add wildcards to what each role may do.
"""

from typing import Any, Literal

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

EncryptionKey = kms.IKey | Literal["own"]
READ = ("kms:Decrypt",)
WRITE = ("kms:Decrypt", "kms:GenerateDataKey")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""
TABLE = (
    *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"),
    *("kms:ReEncryptFrom", "kms:ReEncryptTo"),
)
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html"""


def chosen_key(scope: Construct, choice: EncryptionKey | None) -> kms.IKey | None:
    """The key that is given, or one of the bus's own, which turns each year and outlives the stack."""
    return kms.Key(scope, "Key", enable_key_rotation=True) if choice == "own" else choice


def grant_key(key: kms.IKey | None, role: iam.IRole, service: str, actions: tuple[str, ...]) -> None:
    """Let a role use a key, and only by way of a service, as `sqs`. Without a key there is nothing to grant."""
    if key is None:
        return
    via = f"{service}.{Stack.of(role).region}.amazonaws.com"
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=list(actions), resources=[key.key_arn], conditions={"StringEquals": {"kms:ViaService": via}}
        )
    )


def encrypt_machine(machine: sfn.StateMachine, name: str, key: kms.IKey) -> None:
    """Encrypt a state machine's definition and history; its role may use the key for just this machine.

    CDK's own way allows the delivery of logs the key without a condition.
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
        statement = iam.PolicyStatement(actions=list(WRITE), resources=[key.key_arn], conditions=condition)
        machine.add_to_role_policy(statement)


def let_services_use(scope: Construct, key: kms.IKey, bus: str, alarm_topic: sns.ITopic | None) -> None:
    """Let EventBridge, CloudWatch Logs and, for a topic under this key, CloudWatch use the key, each for its own.

    A key that is only imported has its policy elsewhere: docs/security.md lists what that must say.
    """
    key.add_to_resource_policy(_events(Stack.of(scope), bus))
    key.add_to_resource_policy(_logs(Stack.of(scope)))
    key.add_to_resource_policy(_delivered_logs(Stack.of(scope)))
    if alarm_topic and alarm_topic.master_key and alarm_topic.master_key.key_arn == key.key_arn:
        key.add_to_resource_policy(_alarms(Stack.of(scope)))


def _events(stack: Stack, bus: str) -> iam.PolicyStatement:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/encryption-archives.html."""
    sources = [("event-bus", bus), ("rule", f"{bus}/*"), ("archive", "*")]
    arns = [stack.format_arn(service="events", resource=kind, resource_name=name) for kind, name in sources]
    actions = (*WRITE, "kms:DescribeKey", "kms:ReEncryptFrom", "kms:ReEncryptTo")
    return _statement(stack, "EventBridge", "events.amazonaws.com", actions, {"aws:SourceArn": arns})


def let_rule_send(scope: Construct, key: kms.IKey, name: str) -> None:
    """Let a rule of the default bus put what it matches into queues under the key; it is known by its name."""
    arn = Stack.of(scope).format_arn(service="events", resource="rule", resource_name=name)
    key.add_to_resource_policy(
        _statement(Stack.of(scope), name.replace("-", ""), "events.amazonaws.com", WRITE, {"aws:SourceArn": arn})
    )


def _logs(stack: Stack) -> iam.PolicyStatement:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html."""
    groups = stack.format_arn(
        service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    return iam.PolicyStatement(
        sid="Logs",
        principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
        actions=list(TABLE),
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def _delivered_logs(stack: Stack) -> iam.PolicyStatement:
    """The logs of state machines: https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html."""
    return iam.PolicyStatement(
        sid="DeliveredLogs",
        principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
        actions=list(READ),
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
    return _statement(stack, "Alarms", "cloudwatch.amazonaws.com", WRITE, {"aws:SourceArn": alarms})


def _statement(
    stack: Stack, sid: str, service: str, actions: tuple[str, ...], alike: dict[str, Any]
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(service)],
        actions=list(actions),
        resources=["*"],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": alike},
    )
