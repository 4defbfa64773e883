"""AWS's quotas that a stack can exceed."""

from collections.abc import Iterator

from millrace.flow.findings import Finding, System, check

DEFAULT_QUEUE_CONCURRENCY = 1_000
"""Of a queue without a maximum: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""


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
