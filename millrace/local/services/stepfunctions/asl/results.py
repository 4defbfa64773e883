"""What a distributed Map gives: an array, or files in S3.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.core.clock import iso_millis
from millrace.local.services.stepfunctions.asl.calls import boto_client
from millrace.local.services.stepfunctions.asl.environment import Env
from millrace.local.services.stepfunctions.asl.errors import failure
from millrace.local.services.stepfunctions.asl.templates import evaluated


@dataclass
class Child:
    """One child execution. `items` is how many items its input holds."""

    number: int
    arn: str
    name: str
    machine: str
    input: Any
    items: int
    status: str = "PENDING"
    output: Any = None
    error: str | None = None
    cause: str | None = None
    started_at: float = 0.0
    stopped_at: float = 0.0

    def described(self) -> dict[str, Any]:
        """The execution with what AWS says about it."""
        result = {
            "ExecutionArn": self.arn,
            "Input": json.dumps(self.input),
            "InputDetails": {"Included": True},
            "Name": self.name,
            "RedriveCount": 0,
            "StartDate": iso_millis(self.started_at),
            "StateMachineArn": self.machine,
            "Status": self.status,
            "StopDate": iso_millis(self.stopped_at),
        }
        if self.status == "SUCCEEDED":
            result |= {"Output": json.dumps(self.output), "OutputDetails": {"Included": True}}
        return result | {key: value for key, value in (("Error", self.error), ("Cause", self.cause)) if value}


def output(env: Env, state: Any, record: Any, children: list[Child]) -> Any:
    """The output of a Map state. Raises States.ResultWriterFailed."""
    writer = state.millrace.get("ResultWriter") or {}
    config = writer.get("WriterConfig") or {}
    if "Resource" not in writer:
        return _shaped(children, config.get("Transformation", "COMPACT"))
    target = evaluated(env, state, writer.get("Parameters") or writer["Arguments"])
    try:
        key = _written(target, record, children, config)
    except ClientError as error:
        raise failure(env, "States.ResultWriterFailed", str(error)) from error
    return {
        "MapRunArn": record.map_run_arn,
        "ResultWriterDetails": {"Bucket": target["Bucket"], "Key": key},
    }


def _shaped(children: list[Child], transformation: str) -> list[Any]:
    """The results. A failed child is always included in full."""
    shaped: list[Any] = []
    for child in children:
        if transformation == "NONE" or child.status != "SUCCEEDED":
            shaped.append(child.described())
        elif transformation == "FLATTEN" and isinstance(child.output, list):
            shaped.extend(child.output)
        else:
            shaped.append(child.output)
    return shaped


def _written(target: dict[str, Any], record: Any, children: list[Child], config: dict[str, Any]) -> str:
    prefix = str(target.get("Prefix") or "")
    folder = f"{prefix.rstrip('/')}/" if prefix else ""
    folder += record.map_run_arn.rpartition(":")[2]
    lines = config.get("OutputType", "JSON") == "JSONL"
    files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for status, listed in files.items():
        of_status = [child for child in children if child.status == status]
        if of_status:
            shaped = _shaped(of_status, config.get("Transformation", "NONE"))
            text = "\n".join(map(json.dumps, shaped)) if lines else json.dumps(shaped)
            listed.append(_put(target["Bucket"], f"{folder}/{status}_0.{'jsonl' if lines else 'json'}", text))
            record.execution_counter.results_written.count(len(of_status))
            record.item_counter.results_written.count(sum(child.items for child in of_status))
    manifest = {"DestinationBucket": target["Bucket"], "MapRunArn": record.map_run_arn, "ResultFiles": files}
    return str(_put(target["Bucket"], f"{folder}/manifest.json", json.dumps(manifest))["Key"])


def _put(bucket: str, key: str, text: str) -> dict[str, Any]:
    body = text.encode()
    boto_client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return {"Key": key, "Size": len(body)}
