"""A handler by hand, with Powertools as its documentation shows: the same work as the shop's `award_points`."""

import json
import os
import time
import uuid
from datetime import UTC, datetime

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from pydantic import BaseModel

logger = Logger()
metrics = Metrics()
batch = BatchProcessor(event_type=EventType.SQS)
records = DynamoDBPersistenceLayer(table_name=os.environ["MILLRACE_IDEMPOTENCY_TABLE"])
config = IdempotencyConfig(event_key_jmespath="detail.metadata.idempotency_key", expires_after_seconds=3600)
points = boto3.resource("dynamodb").Table(os.environ["MILLRACE_TABLE_POINTS"])
events = boto3.client("events")


class Metadata(BaseModel):
    event_id: str
    correlation_id: str
    idempotency_key: str
    producer: str
    occurred_at: datetime
    hops: int


class OrderCompleted(BaseModel):
    order_id: str
    customer_id: str
    total_cents: int
    tracking_id: str


class Detail(BaseModel):
    metadata: Metadata
    data: OrderCompleted


class Envelope(BaseModel):
    detail: Detail


def update_once(key, earned, event_id):
    """Add points together with a mark, so that a repeated delivery does not add them again."""
    update = {
        "TableName": points.name,
        "Key": key,
        "UpdateExpression": "ADD balance :earned",
        "ExpressionAttributeValues": {":earned": earned},
    }
    mark = {
        "TableName": os.environ["MILLRACE_IDEMPOTENCY_TABLE"],
        "Item": {"id": f"{event_id}#points", "expiration": int(time.time()) + 3600},
        "ConditionExpression": "attribute_not_exists(id)",
    }
    points.meta.client.transact_write_items(TransactItems=[{"Update": update}, {"Put": mark}])
    return points.get_item(Key=key, ConsistentRead=True).get("Item", {})


@idempotent_function(data_keyword_argument="event", persistence_store=records, config=config)
def award(event):
    order = Envelope.model_validate(event).detail
    earned = order.data.total_cents // 100
    row = update_once({"customer_id": order.data.customer_id}, earned, order.metadata.event_id)
    metadata = order.metadata.model_dump(mode="json") | {
        "event_id": str(uuid.uuid4()),
        "causation_id": order.metadata.event_id,
        "occurred_at": datetime.now(UTC).isoformat(),
        "hops": order.metadata.hops + 1,
    }
    data = {"customer_id": order.data.customer_id, "points": earned, "total": int(row.get("balance", 0))}
    entry = {"Source": "shop.loyalty", "DetailType": "PointsAwarded", "EventBusName": os.environ["MILLRACE_BUS"]}
    put = events.put_events(Entries=[{**entry, "Detail": json.dumps({"metadata": metadata, "data": data})}])
    if put["FailedEntryCount"]:
        raise RuntimeError(put)
    logger.info("event handled", extra={"event": "OrderCompleted", "published": metadata["event_id"]})
    metrics.add_metric(name="EventsHandled", unit=MetricUnit.Count, value=1)


def record_handler(record):
    award(event=json.loads(record.body))


@metrics.log_metrics
def handler(event, context):
    config.register_lambda_context(context)
    return process_partial_response(event, record_handler, batch, context)
