"""Security: permissions beyond the declared ones, unencrypted stores, and external publishers."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from millrace.flow.assembly import Resource
from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import INGRESS_KINDS, Node
from millrace.flow.permissions import Statement, allowed, listed, role_of, statements

FORCED = frozenset(
    {
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:GetSamplingStatisticSummaries",
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
        "cloudwatch:PutMetricData",
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DeleteNetworkInterface",
    }
)
"""Actions that support no resource but `*`.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


_RESOURCE_POLICIES = ("SQS::QueuePolicy", "SNS::TopicPolicy", "S3::BucketPolicy", "Lambda::Permission")
"""Resource-based policies."""


@check("wildcard-grant", weakness="security")
def wildcard_grant(system: System) -> Iterator[Finding]:
    """A policy allows more than the app declares.

    A role allows all actions of a service, all resources of the account, or events that the signature does not declare;
    an attacker who controls the function has the same permissions. Or the policy of a queue, topic, bucket or function
    allows every AWS account. Name actions, resources and callers. For events, Millrace derives the conditions on source
    and detail-type from the signature. Actions that support no resource but `*` are no finding.
    """
    for statement in _granted(system):
        wide = [action for action in statement.actions if "*" in action]
        free = [action for action in statement.actions if action not in FORCED]
        if wide or ("*" in statement.resources and free):
            actions = ", ".join(wide or free)
            resources = "every resource" if "*" in statement.resources else "some resources"
            yield Finding.at(
                statement.holder,
                f"{statement.holder.path} allows {actions} on {resources}.",
                "Name the required actions and resources.",
            )
    for node in system.graph.functions:
        yield from _beyond_declared(system, node)
    for policy in system.assembly.of(*_RESOURCE_POLICIES):
        if _is_open_to_all(policy):
            yield Finding.at(
                policy,
                f"{policy.path} allows every AWS account.",
                "Name the principals, or add a condition on aws:SourceArn or aws:SourceAccount.",
            )


def _is_open_to_all(policy: Resource) -> bool:
    """Whether a resource-based policy allows an action to everyone without a condition."""
    if policy.type == "AWS::Lambda::Permission":
        return policy.properties.get("Principal") == "*" and "SourceArn" not in policy.properties
    return any(
        body["Effect"] == "Allow" and body.get("Principal") in ("*", {"AWS": "*"}) and not body.get("Condition")
        for body in listed(policy.properties["PolicyDocument"]["Statement"])
    )


def _beyond_declared(system: System, node: Node) -> Iterator[Finding]:
    """Permissions to publish events that a function's signature does not name."""
    role = role_of(system.assembly, node.resource) if node.resource else None
    for statement in allowed(system.assembly, role) if role and "declaration" in node.facts else ():
        if "events:PutEvents" in statement.actions:
            sources, types = (statement.condition_values(f"events:{key}") for key in ("source", "detail-type"))
            allowed_names = {f"{source}:{name}" for source in sources or ["*"] for name in types or ["*"]}
            if beyond := sorted(allowed_names - set(node.publishes)):
                yield Finding.at(
                    node,
                    f"{node.name} is allowed to publish {', '.join(beyond)}, which its signature does not declare.",
                    "Use only bus.grant_publish, which derives the permission from the signature.",
                )


def _granted(system: System) -> Iterator[Statement]:
    for policy in system.assembly.of("IAM::Policy", "IAM::ManagedPolicy"):
        yield from statements(policy.properties["PolicyDocument"], policy)
    for role in system.assembly.of("IAM::Role"):
        for inline in role.properties.get("Policies", ()):
            yield from statements(inline["PolicyDocument"], role)


@check("unencrypted-store", weakness="security")
def unencrypted_store(system: System) -> Iterator[Finding]:
    """A store of events is not encrypted at rest.

    Tables, buckets and logs are always encrypted. A queue is encrypted unless encryption is disabled. A stream and a
    topic are encrypted only with a key. Set the encryption of the resource, or the key of the bus.
    https://docs.aws.amazon.com/streams/latest/dev/what-is-sse.html
    """
    for resource in system.assembly:
        if _is_unencrypted(resource.type, resource.properties):
            yield Finding.at(
                system.node_of(resource) or resource,
                f"{resource.path} stores events unencrypted.",
                "Set its encryption, or Bus(encryption_key=…) for all resources of Millrace's constructs.",
            )


def _is_unencrypted(kind: str, properties: Mapping[str, Any]) -> bool:
    match kind:
        case "AWS::SQS::Queue":
            return properties.get("SqsManagedSseEnabled") is False and "KmsMasterKeyId" not in properties
        case "AWS::SNS::Topic":
            return "KmsMasterKeyId" not in properties
        case "AWS::Kinesis::Stream":
            return "StreamEncryption" not in properties
    return False


@check("outside-publishes-inside", weakness="security")
def outside_publishes_inside(system: System) -> Iterator[Finding]:
    """An external system can publish an event that only the app should publish.

    If another account or an external publisher can use an internal source, it can complete orders without a payment.
    Give external events a source of their own, and allow external publishers that source only.
    """
    for node in system.graph.of("event"):
        producers = [by for by in system.graph.producers(node.id) if by.kind not in INGRESS_KINDS]
        internal = [by.name for by in producers if node.id not in by.awaits]
        if node.event and node.event.contract.external and internal:
            yield Finding.at(
                node,
                f"{node.name} is external, but {', '.join(internal)} publishes it too.",
                "Give the external event a source and a name of its own, or remove external=True.",
            )
    contracts = [node.event.contract for node in system.graph.of("event") if node.event]
    external = {contract.source for contract in contracts if contract.external}
    for policy in system.assembly.of("Events::EventBusPolicy"):
        for statement in statements({"Statement": policy.properties.get("Statement", [])}, policy):
            if events := _internal_events(statement, external):
                yield Finding.at(
                    policy,
                    f"{policy.path} allows others to publish {events}.",
                    f"Limit events:source to external sources: {', '.join(sorted(external)) or 'none declared yet'}.",
                )


def _internal_events(statement: Statement, external: Iterable[str]) -> str:
    """The events of internal sources that a statement of a bus policy allows others to publish."""
    if "events:PutEvents" not in statement.actions and "events:*" not in statement.actions:
        return ""
    sources = statement.condition_values("events:source")
    return "events of every source" if not sources else ", ".join(sorted(set(sources) - set(external)))
