"""The output of a distributed Map: an array, or files in S3.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

import json
from typing import Any, cast

from millrace.local.core.clock import iso_millis
from millrace.local.services.stepfunctions.interpreter.definition import MapState, Resource, ResultWriter
from millrace.local.services.stepfunctions.interpreter.errors import StateError
from millrace.local.services.stepfunctions.interpreter.flow import Steps
from millrace.local.services.stepfunctions.interpreter.history import compact
from millrace.local.services.stepfunctions.interpreter.item_reader import call
from millrace.local.services.stepfunctions.interpreter.map_run import Child, MapRun
from millrace.local.services.stepfunctions.interpreter.visit import Visit


def write_results(visit: Visit, run: MapRun) -> Steps:
    """Return the outputs, or write them and return where. Raises States.ResultWriterFailed."""
    writer = cast("MapState", visit.state).result_writer
    if writer is None or writer.resource is None:
        return _shaped(run.children, writer.transformation if writer else "COMPACT")
    target: dict[str, Any] = {}
    if writer.arguments:
        target = visit.evaluate(writer.arguments, visit.data(visit.effective_input))
    try:
        key = yield from _write(visit, run, writer.resource, target)
    except StateError as error:
        raise StateError("States.ResultWriterFailed", error.cause) from error
    run.results_written = True
    return {"MapRunArn": run.arn, "ResultWriterDetails": {"Bucket": target["Bucket"], "Key": key}}


def _write(visit: Visit, run: MapRun, resource: Resource, target: dict[str, Any]) -> Steps:
    """Write a file for each status, and the manifest; return the key of the manifest."""
    writer = cast("ResultWriter", cast("MapState", visit.state).result_writer)

    is_lines = writer.output_type == "JSONL"
    prefix = str(target.get("Prefix") or "").rstrip("/")
    folder = "/".join(part for part in (prefix, run.arn.rpartition(":")[2]) if part)
    files: dict[str, list[Any]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for status, listed in files.items():
        children = [child for child in run.children if child.status == status]
        if children:
            shaped = _shaped(children, writer.transformation)
            text = "\n".join(map(compact, shaped)) if is_lines else compact(shaped)
            key = f"{folder}/{status}_0.{'jsonl' if is_lines else 'json'}"
            listed.append((yield from _put(visit, resource, target["Bucket"], key, text)))
    manifest = {"DestinationBucket": target["Bucket"], "MapRunArn": run.arn, "ResultFiles": files}
    return (yield from _put(visit, resource, target["Bucket"], f"{folder}/manifest.json", compact(manifest)))["Key"]


def _put(visit: Visit, resource: Resource, bucket: str, key: str, text: str) -> Steps:
    body = text.encode()
    yield from call(visit, resource, {"Bucket": bucket, "Key": key, "Body": body})
    return {"Key": key, "Size": len(body)}


def _shaped(children: list[Child], transformation: str) -> list[Any]:
    """Return the results. A child that did not succeed is always described in full."""
    shaped: list[Any] = []
    for child in children:
        output = child.execution.output if child.execution else None
        if transformation == "NONE" or child.status != "SUCCEEDED" or output is None:
            shaped.append(_described(child))
            continue
        value = json.loads(output)
        shaped += value if transformation == "FLATTEN" and isinstance(value, list) else [value]
    return shaped


def _described(child: Child) -> dict[str, Any]:
    execution = child.execution
    if execution is None:
        return {"Input": compact(child.input), "InputDetails": {"Included": True}, "Status": child.status}
    described = {
        "ExecutionArn": execution.identity.arn,
        "Input": execution.input,
        "InputDetails": {"Included": True},
        "Name": execution.identity.name,
        "Output": execution.output,
        "OutputDetails": None if execution.output is None else {"Included": True},
        "RedriveCount": execution.redrives,
        "StartDate": iso_millis(execution.started_at),
        "StateMachineArn": execution.identity.machine_arn,
        "Status": execution.status,
        "StopDate": None if execution.stopped_at is None else iso_millis(execution.stopped_at),
        "Error": execution.error,
        "Cause": execution.cause,
    }
    return {name: value for name, value in described.items() if value is not None}
