"""Lost data: loops of messages through SQS, SNS, S3 and Lambda, which Lambda stops."""

from collections.abc import Iterator

from millrace.flow.assembly import Resource
from millrace.flow.findings import Finding, System, check
from millrace.flow.permissions import allowed, role_of

_SENDS = ("sqs:SendMessage", "sns:Publish", "s3:PutObject", "lambda:InvokeFunction")
_FUNCTION = "AWS::Lambda::Function"
_SOURCES = {"AWS::SQS::Queue": "queue", "AWS::SNS::Topic": "topic", "AWS::S3::Bucket": "bucket", _FUNCTION: "function"}
Paths = dict[str, list[Resource]]
"""The resources that messages of a resource reach next, by its id."""


@check("recursive-loop", weakness="lost data")
def recursive_loop(system: System) -> Iterator[Finding]:
    """Lambda stops a message that comes back to a function for about the 16th time.

    A function can send to a queue, topic or bucket whose messages invoke it again, directly or through other functions.
    Lambda counts the rounds of a message and moves it to the dead-letter queue. If the loop is intended, as for
    messages that wait, set RecursiveLoop to Allow and an alarm on RecursiveInvocationsDropped. Otherwise, remove the
    permission or the subscription. https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    """
    paths = _sent(system) | _invoked(system)
    for function in system.assembly.of("Lambda::Function"):
        loop = _loop(paths, function)
        if loop and function.properties.get("RecursiveLoop") != "Allow":
            between = next(each for each in loop if each != function) if len(loop) > 1 else function
            yield Finding.at(
                system.node_of(function) or function,
                f"{function.path} can send messages to the {_SOURCES[between.type]} {between.path}, which leads back "
                f"to it.",
                "Set RecursiveLoop of the function to Allow if the loop is intended, or remove the permission to send.",
            )


def _sent(system: System) -> Paths:
    """What each function may send to."""
    found: Paths = {}
    for function in system.assembly.of("Lambda::Function"):
        role = role_of(system.assembly, function)
        statements = [each for each in allowed(system.assembly, role) if set(each.actions) & {*_SENDS}] if role else []
        targets = [
            target
            for each in statements
            for target in system.assembly.mentions(list(each.resources), each.holder)
            if target.type in _SOURCES
        ]
        found[function.id] = targets
    return found


def _invoked(system: System) -> Paths:
    """What each queue, topic and bucket sends to: functions, and the queues that subscribe to a topic."""
    found: Paths = {}
    ends = {
        "Lambda::EventSourceMapping": ("EventSourceArn", "FunctionName"),
        "SNS::Subscription": ("TopicArn", "Endpoint"),
    }
    for kind, (source, target) in ends.items():
        for link in system.assembly.of(kind):
            _add(system, found, link, link.properties.get(source), link.properties.get(target))
    for bucket in system.assembly.of("S3::Bucket"):
        configuration = bucket.properties.get("NotificationConfiguration", {})
        for each in system.assembly.mentions(configuration, bucket):
            found.setdefault(bucket.id, []).append(each)
    return found


def _add(system: System, found: Paths, link: Resource, source: object, target: object) -> None:
    start, end = system.assembly.named(source, link), system.assembly.named(target, link)
    if start and end and start.type in _SOURCES:
        found.setdefault(start.id, []).append(end)


def _loop(paths: Paths, start: Resource) -> list[Resource]:
    """The shortest path from a function back to itself; empty without one."""
    seen: set[str] = set()
    ahead = [[start]]
    for path in ahead:
        for following in paths.get(path[-1].id, ()):
            if following == start:
                return path
            if following.id not in seen:
                seen.add(following.id)
                ahead.append([*path, following])
    return []
