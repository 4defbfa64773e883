"""AWS's quotas that a stack can exceed."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from millrace.flow.assembly import Resource
from millrace.flow.findings import Finding, System, check
from millrace.flow.permissions import role_of

DEFAULT_QUEUE_CONCURRENCY = 1_000
"""Of a queue without a maximum: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
WARN_PERCENT = 80
RESOURCES = 500
TEMPLATE_BYTES = 1_000_000
"""Of a stack, and of its template in a bucket: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
RULES = 300
TARGETS = 5
PATTERN_CHARACTERS = 2_048
BUS_POLICY_CHARACTERS = 10_240
"""Of a bus, a rule, a pattern and a bus policy: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
ENVIRONMENT_BYTES = 4_096
LAYERS = 5
"""Of a function: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
ROLE_POLICY_CHARACTERS = 10_240
"""Of all inline policies of a role: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
QUEUE_POLICY_BYTES = 8_192
QUEUE_POLICY_STATEMENTS = 20
"""Of a queue: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html"""
WIDGET_ALARMS = 100
"""Of an alarm widget: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html"""


@check("concurrency-quota", weakness="lost data")
def concurrency_quota(system: System) -> Iterator[Finding]:
    """Queues and reservations request more concurrent executions than the account has.

    All functions of an account and region share a quota, in new accounts often 10. Above it, Lambda throttles. A
    throttle uses up a receive of a message, so a healthy message can become a dead letter. Request a higher quota from
    AWS, or lower max_concurrency of the queues. The check needs the quota: Bus(concurrency_quota=…).
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
    """
    for bus in system.assembly.of("Events::EventBus"):
        quota = bus.facts.get("concurrency_quota")
        requested = _requested(system)
        if quota and requested > quota:
            yield Finding.at(
                system.node_of(bus) or bus,
                f"The queues and reservations request {requested:,} concurrent executions; the account has {quota}.",
                "Request a higher quota for Lambda's concurrent executions, or lower queue(max_concurrency=…).",
            )


def _requested(system: System) -> int:
    queues = sum(
        int(mapping.properties.get("ScalingConfig", {}).get("MaximumConcurrency", DEFAULT_QUEUE_CONCURRENCY))
        for mapping in system.assembly.of("Lambda::EventSourceMapping")
        if getattr(system.assembly.named(mapping.properties.get("EventSourceArn"), mapping), "type", "")
        == "AWS::SQS::Queue"
    )
    functions = system.assembly.of("Lambda::Function")
    return queues + sum(int(each.properties.get("ReservedConcurrentExecutions", 0)) for each in functions)


@check("stack-quotas", weakness="upkeep", severity="note")
def stack_quotas(system: System) -> Iterator[Finding]:
    """A stack uses 80 % or more of a quota of AWS.

    Beyond the quota, the deployment fails: 500 resources in a stack, 1 MB of template, 300 rules on a bus, 10,240
    characters of its policy, 5 targets of a rule, 2,048 characters of a pattern, 4 KB of environment variables,
    5 layers and 10,240 characters of role policies of a function, 20 statements and 8,192 bytes of the policy of a
    queue. A widget has at most 100 alarms. Move constructs into another stack, whose Bus has existing=True. This
    finding does not stop a synth.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    counted = Counter(resource.stack for resource in system.assembly)
    for stack, count in counted.items():
        size = system.assembly.template_bytes[stack]
        for used, quota, what in ((count, RESOURCES, "resources"), (size, TEMPLATE_BYTES, "bytes of template")):
            if _is_near(used, quota):
                message = f"The stack {stack} has {used:,} of at most {quota:,} {what}."
                fix = "Move constructs into another stack: Bus(existing=True) refers to the bus."
                yield Finding(stack, message, fix)
    for resource in system.assembly:
        for used, quota, what, fix in _uses(system, resource):
            if _is_near(used, quota):
                message = f"{resource.path} uses {used:,} of at most {quota:,} {what}."
                yield Finding.at(system.node_of(resource) or resource, message, fix)


def _is_near(used: int, quota: int) -> bool:
    return used * 100 >= quota * WARN_PERCENT


def _uses(system: System, resource: Resource) -> Iterator[tuple[int, int, str, str]]:
    """What a resource uses of its quotas: the figure, the quota, its name, and how to use less."""
    properties = resource.properties
    match resource.type:
        case "AWS::Lambda::Function":
            variables = properties.get("Environment", {}).get("Variables", {})
            yield _size(variables), ENVIRONMENT_BYTES, "bytes of environment variables", "Read large settings from SSM."
            yield len(properties.get("Layers", ())), LAYERS, "layers", "Combine layers."
            if role := role_of(system.assembly, resource):
                documents = [each.properties["PolicyDocument"] for each in system.assembly.policies_of(role)]
                fix = "Split the function, or use fewer tables and events in it."
                yield sum(map(_size, documents)), ROLE_POLICY_CHARACTERS, "characters of policies of its role", fix
        case "AWS::Events::Rule":
            fix = "Use several rules."
            yield _size(properties.get("EventPattern", {})), PATTERN_CHARACTERS, "characters of a pattern", fix
            yield len(properties.get("Targets", ())), TARGETS, "targets", fix
        case "AWS::Events::EventBus":
            rules = [rule for rule in system.assembly.of("Events::Rule") if _is_on(system, rule, resource)]
            yield len(rules), RULES, "rules", "Put some of the contexts onto a bus of their own."
            statements = [
                each for each in system.assembly.of("Events::EventBusPolicy") if _is_on(system, each, resource)
            ]
            policy = [properties.get("Policy", {}), *(each.properties.get("Statement", {}) for each in statements)]
            fix = "Allow an organization instead of single accounts, or use fewer statements."
            yield _size(policy), BUS_POLICY_CHARACTERS, "characters of its policy", fix
        case "AWS::SQS::QueuePolicy":
            fix = "Move some of the senders into another stack, whose Bus has a dead-letter queue of its own."
            document = properties.get("PolicyDocument", {})
            yield _size(document), QUEUE_POLICY_BYTES, "bytes of a queue policy", fix
            yield len(document.get("Statement", ())), QUEUE_POLICY_STATEMENTS, "statements of a queue policy", fix
        case "AWS::CloudWatch::Dashboard":
            most = max(_widget_alarms(properties.get("DashboardBody")), default=0)
            if most > WIDGET_ALARMS:
                yield most, WIDGET_ALARMS, "alarms in a widget", "Use several widgets."


def _is_on(system: System, resource: Resource, bus: Resource) -> bool:
    """Whether a rule or a policy is on a bus."""
    return system.assembly.named(resource.properties.get("EventBusName"), resource) == bus


def _widget_alarms(body: Any) -> Iterator[int]:
    """The number of alarms of each alarm widget of a dashboard. A reference in its JSON is replaced by its name."""
    separator, parts = body["Fn::Join"] if isinstance(body, dict) and "Fn::Join" in body else ("", [body])
    text = separator.join(part if isinstance(part, str) else "reference" for part in parts)
    for widget in json.loads(text)["widgets"]:
        if widget["type"] == "alarm":
            yield len(widget["properties"]["alarms"])


def _size(value: Any) -> int:
    """The size of a value as compact JSON. A reference counts as the text that refers; its value is about as long."""
    return len(json.dumps(value, separators=(",", ":")).encode())
