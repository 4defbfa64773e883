"""The HTTP metadata that optimized integrations of Lambda, SNS, SQS, DynamoDB and Step Functions return.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from millrace.local.services.stepfunctions.interpreter.history import compact

_JSON = "application/x-amz-json-1.0"
_CONTENT_TYPES = {"dynamodb": _JSON, "lambda": "application/json", "sns": "text/xml", "sqs": _JSON, "states": _JSON}


def has_metadata(service: str) -> bool:
    """Return whether the responses of an optimized integration have metadata; those of events:putEvents do not."""
    return service in _CONTENT_TYPES


def metadata(
    service: str, body: Any, request_id: str, time: float, status: int = 200, more: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the metadata of a response. `time` is in seconds since 1970, `more` has further headers."""
    headers = {
        **(more or {}),
        "x-amzn-RequestId": request_id,
        "connection": "keep-alive",
        "Content-Length": str(len(compact(body).encode())),
        "Date": formatdate(time, usegmt=True),
        "Content-Type": _CONTENT_TYPES[service],
    }
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }
