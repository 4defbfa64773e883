"""Security: who may do more than was declared."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from millrace.flow.assembly import Resource
from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import DOORS, Node
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
        "dynamodb:ListStreams",
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DeleteNetworkInterface",
    }
)
"""Actions for which AWS knows no resource, so that `*` is the only one that can be named.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


_OPEN_TO_OTHERS = ("SQS::QueuePolicy", "SNS::TopicPolicy", "S3::BucketPolicy", "Lambda::Permission")
"""The policies of resources, which say who may come from outside."""


@check("wildcard-grant", weakness="security")
def wildcard_grant(system: System) -> Iterator[Finding]:
    """A role may do more than what was declared for it.

    Every action of a service, every resource of the account, or events that its signature does not name: whoever
    takes over the function can do it, too; so can everybody with a queue, a topic, a bucket or a function whose own
    policy is open. Name actions, resources and callers; for events the kit writes the conditions on source and
    detail-type from the signature. Where AWS knows no resource for an action, `*` stands.
    """
    for statement in _granted(system):
        wide = [action for action in statement.actions if "*" in action]
        free = [action for action in statement.actions if action not in FORCED]
        if wide or ("*" in statement.resources and free):
            what = ", ".join(wide or free)
            yield Finding.at(
                statement.holder,
                f"{statement.holder.path} allows {what} on {_on(statement)}.",
                "Name the actions and the resources that are needed.",
            )
    for node in system.graph.functions:
        yield from _beyond_declared(system, node)
    for policy in system.assembly.of(*_OPEN_TO_OTHERS):
        if _is_open_to_all(policy):
            yield Finding.at(
                policy,
                f"{policy.path} lets everybody in.",
                "Name who may, or hold them to a condition: aws:SourceArn, aws:SourceAccount.",
            )


def _is_open_to_all(policy: Resource) -> bool:
    """Whether a resource's own policy allows something to everybody, and on no condition."""
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
                    f"{node.name} may publish {', '.join(beyond)}, and its signature does not say so.",
                    "Let bus.grant_publish write the permission from the signature, and no other.",
                )


def _granted(system: System) -> Iterator[Statement]:
    for policy in system.assembly.of("IAM::Policy", "IAM::ManagedPolicy"):
        yield from statements(policy.properties["PolicyDocument"], policy)
    for role in system.assembly.of("IAM::Role"):
        for inline in role.properties.get("Policies", ()):
            yield from statements(inline["PolicyDocument"], role)


def _on(statement: Statement) -> str:
    return "every resource" if "*" in statement.resources else "some resources"


@check("unencrypted-store", weakness="security")
def unencrypted_store(system: System) -> Iterator[Finding]:
    """A store that holds events is not encrypted at rest.

    Tables, buckets and logs always are. A queue is unless it is told not to be, a stream and a topic are only where a
    key is named. Set encryption, or the key of the bus.
    https://docs.aws.amazon.com/streams/latest/dev/what-is-sse.html
    """
    for resource in system.assembly:
        if _is_open(resource.type, resource.properties):
            yield Finding.at(
                system.node_of(resource) or resource,
                f"{resource.path} holds events unencrypted.",
                "Set its encryption; Bus(encryption_key=…) sets it for all that the kit makes.",
            )


def _is_open(kind: str, properties: Mapping[str, Any]) -> bool:
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
    """A system outside the app can say what only the app should say.

    A door that lets another account, or an outside publisher, put events of an inside source lets it complete orders
    that nobody paid for. Give outside events a source of their own, and let the door allow just those.
    """
    for node in system.graph.of("event"):
        said = [by.name for by in system.graph.producers(node.id) if by.kind not in DOORS and node.id not in by.awaits]
        if node.event and node.event.contract.external and said:
            yield Finding.at(
                node,
                f"{node.name} is published by a system outside, and by {', '.join(said)} inside.",
                "Give what comes from outside a source and a name of its own, or take external=True away.",
            )
    outside = {n.event.contract.source for n in system.graph.of("event") if n.event and n.event.contract.external}
    for policy in system.assembly.of("Events::EventBusPolicy"):
        for statement in statements({"Statement": policy.properties.get("Statement", [])}, policy):
            if beyond := _beyond(statement, outside):
                yield Finding.at(
                    policy,
                    f"{policy.path} lets others put {beyond} onto the bus.",
                    f"Hold events:source to what comes from outside: {', '.join(sorted(outside)) or 'nothing yet'}.",
                )


def _beyond(statement: Statement, outside: Iterable[str]) -> str:
    """What a statement of a bus's policy lets others publish besides the events of outside sources."""
    if "events:PutEvents" not in statement.actions and "events:*" not in statement.actions:
        return ""
    sources = statement.condition_values("events:source")
    return "events of every source" if not sources else ", ".join(sorted(set(sources) - set(outside)))
