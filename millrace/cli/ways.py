"""The way back of a dead letter: to where it failed, and nowhere else."""

import base64
import hashlib
import json
from collections.abc import Callable
from functools import reduce
from typing import Any

from millrace.cli.letters import Letter
from millrace.cli.target import Cloud
from millrace.runtime.relay import STORE

_ANEW = (
    "Begin another with its input, under another name than {}: aws stepfunctions start-execution. It runs every step, "
    "those that were done among them. Then purge this letter."
)


class NoWayBack(Exception):
    """A letter that cannot be given back; the text says why."""


def send_back(cloud: Cloud, letter: Letter) -> str:
    """Give a letter back to where it failed, and say where that was. The letter itself stays where it is.

    Twice is the same as once, wherever the receiver is idempotent, as the kit's processors and mediators are.
    """
    return _WAYS[letter.origin](cloud, letter)


def _to_queue(cloud: Cloud, letter: Letter) -> str:
    return _send(cloud, letter.attributes["Source"], letter.text)


def _to_target(cloud: Cloud, letter: Letter) -> str:
    """To the one target of the rule that did not take it; the rule's other targets have had the event.

    What is of another account lets in the role of its rule, and no operator.
    """
    arn, rule = letter.attributes["TARGET_ARN"], letter.attributes["RULE_ARN"]
    if ":event-bus/" in arn:
        return _publish(cloud, arn, letter)
    service = arn.split(":")[2] if arn.split(":")[4] == rule.split(":")[4] else ""
    if service == "sqs":
        return _send(cloud, arn, letter.text)
    if service == "lambda":
        return _invoke(cloud, arn, letter.text)
    if service == "kinesis":
        return _write(cloud, arn, letter.text, _key(cloud, letter, arn))
    rule = rule.rpartition("/")[2]
    raise NoWayBack(f"{arn} cannot be called but by its rule: millrace replay --rule {rule} --from …")


def _to_function(cloud: Cloud, letter: Letter) -> str:
    return _invoke(cloud, letter.body["requestContext"]["functionArn"], json.dumps(letter.body["requestPayload"]))


def _to_machine(cloud: Cloud, letter: Letter) -> str:
    """Have the execution go on where it failed, unless it has since; whoever asks for that twice asks once.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
    """
    machines, told = cloud.client("stepfunctions"), letter.body["detail"]
    arn, number = told["executionArn"], told.get("redriveCount") or 0
    known = _execution(machines, arn)
    if known["redriveCount"] > number or known["status"] in ("RUNNING", "SUCCEEDED"):
        return f"{known['name']}, which was redriven since and is {known['status']}"
    if known["redriveStatus"] != "REDRIVABLE":
        raise NoWayBack(f"AWS redrives it no more ({known.get('redriveStatusReason')}). {_ANEW.format(known['name'])}")
    token = hashlib.sha256(f"{arn} {number}".encode()).hexdigest()
    machines.redrive_execution(executionArn=arn, clientToken=token)
    return str(known["name"])


def _execution(machines: Any, arn: str) -> dict[str, Any]:
    try:
        known: dict[str, Any] = machines.describe_execution(executionArn=arn, includedData="METADATA_ONLY")
    except machines.exceptions.ExecutionDoesNotExist as gone:
        name = arn.rpartition(":")[2]
        raise NoWayBack(f"its execution is not known any more. {_ANEW.format(name)}") from gone
    return known


def _to_stream(cloud: Cloud, letter: Letter) -> str:
    stream = letter.body["KinesisBatchInfo"]["streamArn"]
    for record in letter.body["payload"]["Records"]:
        told = record["kinesis"]
        _write(cloud, stream, base64.b64decode(told["data"]), told["partitionKey"])
    return str(stream)


def _to_relay(cloud: Cloud, letter: Letter) -> str:
    """A relay that is called publishes all that is pending, whatever the letter was about."""
    arn = str(letter.body["requestContext"]["functionArn"])
    told = cloud.client("lambda").get_function_configuration(FunctionName=arn)
    if STORE not in told.get("Environment", {}).get("Variables", {}):
        raise NoWayBack(
            f"{arn} reads changes of a table and is no relay: what it missed has to be made anew from there"
        )
    return _invoke(cloud, arn, "{}")


def _to_consumer(cloud: Cloud, letter: Letter) -> str:
    """To the function that put it aside: into its queue, or by an invocation where nothing stands in front of it."""
    functions = cloud.client("lambda")
    name = _function_of(functions, letter.attributes)
    sources = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    if not sources:
        return _invoke(cloud, name, letter.text)
    if (arn := sources[0]["EventSourceArn"]).split(":")[2] != "sqs":
        raise NoWayBack(
            f"{letter.attributes['CONSUMER']} reads a stream, which keeps its order: replay the event to it"
        )
    return _send(cloud, arn, letter.text)


def _function_of(functions: Any, attributes: dict[str, str]) -> str:
    wanted = (attributes["CONSUMER"], attributes.get("EVENT_BUS"))
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            known = function.get("Environment", {}).get("Variables", {})
            if (known.get("POWERTOOLS_SERVICE_NAME"), known.get("MILLRACE_BUS")) == wanted:
                return str(function["FunctionName"])
    raise NoWayBack(f"no function is called {attributes['CONSUMER']} any more")


def _to_bus(cloud: Cloud, letter: Letter) -> str:
    return _publish(cloud, letter.attributes.get("EVENT_BUS") or letter.of, letter)


def _nowhere(_cloud: Cloud, letter: Letter) -> str:
    raise NoWayBack(f"nothing says where {letter.id} comes from: look at it with millrace dlq show {letter.id}")


def _send(cloud: Cloud, arn: str, text: str) -> str:
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"], MessageBody=text)
    return arn


def _invoke(cloud: Cloud, arn: str, payload: str) -> str:
    cloud.client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=payload)
    return arn


def _write(cloud: Cloud, arn: str, data: str | bytes, key: str) -> str:
    cloud.client("kinesis").put_record(StreamARN=arn, Data=data, PartitionKey=key)
    return arn


def _publish(cloud: Cloud, bus: str, letter: Letter) -> str:
    event = letter.body["event"] if letter.origin == "undeclared" else letter.body
    entry = {"Source": event["source"], "DetailType": event["detail-type"], "EventBusName": bus}
    answer = cloud.client("events").put_events(Entries=[{**entry, "Detail": json.dumps(event["detail"])}])
    if answer["FailedEntryCount"]:
        raise NoWayBack(f"the bus {bus} refused it: {answer['Entries'][0].get('ErrorMessage')}")
    return bus


def _key(cloud: Cloud, letter: Letter, arn: str) -> str:
    """The partition key, by the path that the rule's target names."""
    bus, _, rule = letter.attributes["RULE_ARN"].rpartition(":rule/")[2].rpartition("/")
    told = cloud.client("events").list_targets_by_rule(Rule=rule, EventBusName=bus or "default")
    path = next(each["KinesisParameters"]["PartitionKeyPath"] for each in told["Targets"] if each["Arn"] == arn)
    return str(reduce(lambda value, name: value[name], path.removeprefix("$.").split("."), letter.body))


_WAYS: dict[str, Callable[[Cloud, Letter], str]] = {
    "queue": _to_queue,
    "rule": _to_target,
    "invocation": _to_function,
    "execution": _to_machine,
    "record": _to_stream,
    "changes": _to_relay,
    "aside": _to_consumer,
    "undeclared": _to_bus,
    "bus": _to_bus,
    "unknown": _nowhere,
}
