"""The transformation of a batch of records by a function.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

import base64
import binascii
import json
import math
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import Delivery, Done, Failure, FinalFailure, RetryPolicy
from millrace.local.core.json_text import parsed
from millrace.local.services.firehose.buffers import Record
from millrace.local.services.firehose.configuration import Destination, Transformation
from millrace.local.services.firehose.errors import denied, log_error
from millrace.local.services.lambda_ import Lambda
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_MESSAGES = {
    "Lambda.FunctionError": "The Lambda function was successfully invoked but it returned an error result.",
    "Lambda.InvokeLimitExceeded": "The Lambda concurrent execution limit is exceeded. "
    "Increase the concurrent execution limit.",
    "Lambda.JsonProcessingException": "There was an error parsing returned records from the Lambda function. "
    "Ensure that the returned records follow the status model required by Amazon Data Firehose.",
    "Lambda.MissingRecordId": "One or more record IDs were not returned. "
    "Ensure that the Lambda function returns all received record IDs.",
    "Lambda.DuplicatedRecordId": "Multiple records were returned with the same record ID. "
    "Ensure that the Lambda function returns unique record IDs for each record.",
    "Lambda.ProcessingFailedStatus": "ProcessingFailed status set for record",
}
"""https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html"""


class TransformationRun:
    """Invokes the function with one batch. `done` gets the transformed records, and then the failed ones.

    A failed record has a JSON document in place of its data.
    """

    def __init__(
        self,
        region: "AccountRegion",
        stream: Any,
        destination: Destination,
        transformation: Transformation,
        records: Sequence[Record],
        done: Callable[[Iterable[Record], Iterable[Record]], None],
    ) -> None:
        self._region = region
        self._stream = stream
        self._destination = destination
        self._transformation = transformation
        self._records = records
        self._done = done
        self._attempts = 0

    def start(self) -> None:
        """Invoke the function, and retry after a failure."""
        policy = RetryPolicy(self._transformation.retries, math.inf, lambda retry: 2.0 ** min(retry, 5))
        what = f"transformation for {self._stream.delivery_stream_name}"
        Delivery(self._region.scheduler, what, policy, self._invoke, self._given_up).start()

    def _invoke(self, done: Done, attempt: int) -> None:
        self._attempts, arn = attempt, self._transformation.arn
        if reason := denied(self._region, self._destination.role, self._stream, "lambda:InvokeFunction", arn):
            done(Failure("Lambda.InvokeAccessDenied", reason, retriable=False))
            return
        functions = (self._region.owner(arn) or self._region).service(Lambda).functions
        try:
            function = functions.find(arn)
        except LookupError as error:
            done(Failure("Lambda.ResourceNotFound", str(error.args[0]), retriable=False))
            return
        functions.invoke(function, self._event(), lambda outcome: self._invoked(outcome, done))

    def _event(self) -> bytes:
        source = (self._stream.source or {}).get("KinesisStreamARN")
        event = {
            "invocationId": str(uuid.uuid4()),
            "deliveryStreamArn": self._stream.delivery_stream_arn,
            **({"sourceKinesisStreamArn": source} if source else {}),
            "region": self._region.name,
            "records": [_sent(record) for record in self._records],
        }
        return json.dumps(event).encode()

    def _invoked(self, outcome: Outcome | None, done: Done) -> None:
        if outcome is None:
            done(_failure("Lambda.InvokeLimitExceeded"))
        elif outcome.status != "ok":
            done(_failure("Lambda.FunctionError"))
        else:
            done(self._read(parsed(outcome.payload)))

    def _read(self, response: Any) -> Failure | None:
        results = response.get("records") if isinstance(response, dict) else None
        if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
            return _failure("Lambda.JsonProcessingException", retriable=False)
        by_id = {each.get("recordId"): each for each in results}
        if len(by_id) < len(results):
            return _failure("Lambda.DuplicatedRecordId", retriable=False)
        transformed, failed = [], []
        for record in self._records:
            code, data = _result(by_id.get(record.id))
            if code:
                failed.append(self._failed(record, _failure(code)))
            elif data is not None:
                transformed.append(replace(record, data=data))
        self._done(transformed, failed)
        return None

    def _given_up(self, final: FinalFailure) -> None:
        log_error(self._region, self._stream, final.failure)
        self._done((), [self._failed(record, final.failure) for record in self._records])

    def _failed(self, record: Record, failure: Failure) -> Record:
        """https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html."""
        document = {
            "attemptsMade": self._attempts,
            "arrivalTimestamp": int(record.arrived * 1000),
            "errorCode": failure.code,
            "errorMessage": failure.message,
            "attemptEndingTimestamp": int(self._region.clock.now() * 1000),
            "rawData": base64.b64encode(record.data).decode(),
            "lambdaArn": self._transformation.arn,
        }
        return replace(record, data=json.dumps(document).encode() + b"\n")


def _sent(record: Record) -> dict[str, Any]:
    return {
        "recordId": record.id,
        "approximateArrivalTimestamp": int(record.arrived * 1000),
        "data": base64.b64encode(record.data).decode(),
        **({"kinesisRecordMetadata": dict(record.metadata)} if record.metadata else {}),
    }


def _result(returned: dict[str, Any] | None) -> tuple[str, bytes | None]:
    """Return the error code of a returned record and its data; no code and no data if it is dropped."""
    if returned is None:
        return "Lambda.MissingRecordId", None
    if returned.get("result") not in ("Ok", "Dropped"):
        failed = returned.get("result") == "ProcessingFailed"
        return "Lambda.ProcessingFailedStatus" if failed else "Lambda.JsonProcessingException", None
    if returned["result"] == "Dropped":
        return "", None
    try:
        return "", base64.b64decode(returned["data"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return "Lambda.JsonProcessingException", None


def _failure(code: str, *, retriable: bool = True) -> Failure:
    return Failure(code, _MESSAGES[code], retriable=retriable)
