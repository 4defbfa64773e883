"""Loads a handler in a new interpreter, as Lambda does, and prints the processor time of each phase as JSON."""

import sys
import time

began = time.process_time()
MODULE, WARM, *PATH = sys.argv[1:]
sys.path[:0] = PATH

import importlib
import json
import uuid

BODY = {
    "version": "0",
    "id": "1",
    "source": "shop.fulfilment",
    "detail-type": "OrderCompleted",
    "account": "123456789012",
    "time": "2026-11-27T10:00:00Z",
    "region": "eu-central-1",
    "resources": [],
}


class Context:
    aws_request_id, function_name, memory_limit_in_mb = "1", "award_points", 512
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:award_points"

    @staticmethod
    def get_remaining_time_in_millis():
        return 30_000


def event(number):
    key = str(uuid.UUID(int=number + (7 << 76) + (2 << 62)))
    metadata = {
        "event_id": key,
        "correlation_id": key,
        "idempotency_key": key,
        "producer": "complete_order",
        "occurred_at": "2026-11-27T10:00:00Z",
        "hops": 1,
    }
    data = {"order_id": f"order-{number}", "customer_id": "ada", "total_cents": 4200, "tracking_id": "T"}
    body = BODY | {"detail": {"metadata": metadata, "data": data}}
    record = {
        "messageId": key,
        "receiptHandle": "r",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1", "SenderId": "s"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:points",
        "awsRegion": "eu-central-1",
    }
    return {"Records": [record]}


def call(number):
    started = time.process_time()
    answer = handler(event(number), Context())
    if answer["batchItemFailures"]:
        sys.exit(f"{MODULE} failed: {answer}")
    return (time.process_time() - started) * 1000


handler = importlib.import_module(MODULE).handler
init = (time.process_time() - began) * 1000
first = call(1)
warm = [call(number) for number in range(2, int(WARM) + 2)]
figures = {"init": init, "first": first, "init_and_first": init + first, "warm": sum(warm) / len(warm)}
print(json.dumps(figures))
