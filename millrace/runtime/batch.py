"""A batch of a queue, a record at a time, by Powertools.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import json
from collections.abc import Callable
from typing import Any


def each_record(payload: dict[str, Any], context: Any, handle: Callable[[dict[str, Any], int], None]) -> Any:
    """Call `handle(envelope, attempt)` for each record; answer with the records for which it raised."""
    from aws_lambda_powertools.utilities.batch import (  # noqa: PLC0415 - only a queue needs it
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    return process_partial_response(
        event=payload,
        record_handler=lambda record: handle(json.loads(record["body"]), attempt_of(record)),
        processor=BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False),
        context=context,
    )


def attempt_of(record: Any) -> int:
    """How often the queue has handed out this record, from 1."""
    return int(record["attributes"]["ApproximateReceiveCount"])
