"""Estimates what the stacks cost in a month without an event.

Counted are alarms, dashboards, keys, secrets, streams, provisioned capacity, and the requests with which Lambda polls
queues. A number that only the deployment knows, such as a parameter, counts as one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from millrace.flow.assembly import Assembly, Resource
from millrace.flow.cost import Amounts, total
from millrace.flow.scaling import SECONDS_OF_A_MONTH

_HOURS = SECONDS_OF_A_MONTH / 3600
_POLLERS = 5
"""Of an event source mapping. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
_SECONDS_OF_A_POLL = 20
"""The longest that SQS waits. Polls of an empty queue are billed.

https://repost.aws/knowledge-center/sqs-high-charges
"""
_MINUTE = 60
_DAY_HOURS = 24


Properties = Mapping[str, Any]


def idle(assembly: Assembly) -> Amounts:
    """The amounts of a month in which no event occurs."""
    by_month: list[Amounts] = [{_BY_MONTH[each.type]: 1} for each in assembly if each.type in _BY_MONTH]
    by_size = [_BY_SIZE[each.type](each.properties) for each in assembly if each.type in _BY_SIZE]
    by_source = [_BY_SOURCE[each.type](each, assembly) for each in assembly if each.type in _BY_SOURCE]
    return total([*by_month, *by_size, *by_source])


def _alarm(alarm: Properties) -> Amounts:
    """AWS bills each metric of an alarm, also those of a math expression."""
    stats = [query["MetricStat"] for query in alarm.get("Metrics", ()) if "MetricStat" in query] or [alarm]
    fast = sum(_number(stat.get("Period", _MINUTE)) < _MINUTE for stat in stats)
    return {"alarm metrics": len(stats) - fast, "fast alarm metrics": fast}


def _stream(stream: Properties) -> Amounts:
    if _is_on_demand(stream):
        return {"stream hours": _HOURS}
    hours = _HOURS * _shards(stream)
    is_extended = _number(stream.get("RetentionPeriodHours", _DAY_HOURS)) > _DAY_HOURS
    return {"shard hours": hours, "retention hours": hours if is_extended else 0}


def _consumer(consumer: Resource, assembly: Assembly) -> Amounts:
    stream = assembly.named(consumer.properties["StreamARN"], consumer)
    properties = stream.properties if stream else {}
    return {"consumer hours": 0 if _is_on_demand(properties) else _HOURS * _shards(properties)}


def _is_on_demand(stream: Properties) -> bool:
    return bool(stream.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND")


def _shards(stream: Properties) -> float:
    return _number(stream.get("ShardCount", 1))


def _polls(mapping: Resource, assembly: Assembly) -> Amounts:
    """The requests to a queue. Lambda reads streams of Kinesis and DynamoDB without a price for each request."""
    arn = mapping.properties.get("EventSourceArn", "")
    source = assembly.named(arn, mapping)
    is_queue = source.type == "AWS::SQS::Queue" if source else ":sqs:" in str(arn)
    is_enabled = mapping.properties.get("Enabled", True) is not False
    return {"queue requests": _POLLERS * SECONDS_OF_A_MONTH / _SECONDS_OF_A_POLL} if is_queue and is_enabled else {}


def _provisioned(version: Resource, assembly: Assembly) -> Amounts:
    """The provisioned concurrency of a version or an alias of a function."""
    concurrency = version.properties.get("ProvisionedConcurrencyConfig", {}).get("ProvisionedConcurrentExecutions", 0)
    function = assembly.named(version.properties["FunctionName"], version)
    properties = function.properties if function else {}
    (architecture,) = properties.get("Architectures", ["x86_64"])
    gigabytes = _number(properties.get("MemorySize", 128)) / 1024
    return {f"{architecture} provisioned": _number(concurrency) * gigabytes * SECONDS_OF_A_MONTH}


def _table(table: Properties) -> Amounts:
    """The capacity of a table and its indexes. Without a billing mode, it is provisioned."""
    if table.get("BillingMode") == "PAY_PER_REQUEST":
        return {}
    parts = [table, *table.get("GlobalSecondaryIndexes", ())]
    return total(_capacity(part.get("ProvisionedThroughput", {})) for part in parts)


def _capacity(throughput: Properties) -> Amounts:
    read, write = (_number(throughput.get(f"{kind}CapacityUnits", 1)) for kind in ("Read", "Write"))
    return {"read unit hours": read * _HOURS, "write unit hours": write * _HOURS}


def _number(value: Any) -> float:
    """A number of the template, which can be text; 1 for a parameter or another value of the deployment."""
    return 1 if isinstance(value, dict) else float(value)


_BY_MONTH: Mapping[str, str] = {
    "AWS::CloudWatch::CompositeAlarm": "composite alarms",
    "AWS::CloudWatch::Dashboard": "dashboards",
    "AWS::KMS::Key": "keys",
    "AWS::KMS::ReplicaKey": "keys",
    "AWS::SecretsManager::Secret": "secrets",
}
_BY_SIZE: Mapping[str, Callable[[Properties], Amounts]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::DynamoDB::Table": _table,
    "AWS::Kinesis::Stream": _stream,
}
_BY_SOURCE: Mapping[str, Callable[[Resource, Assembly], Amounts]] = {
    "AWS::Kinesis::StreamConsumer": _consumer,
    "AWS::Lambda::Alias": _provisioned,
    "AWS::Lambda::EventSourceMapping": _polls,
    "AWS::Lambda::Version": _provisioned,
}
