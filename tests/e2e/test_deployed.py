"""The deployed stack: `MILLRACE_E2E=1 make e2e` places one real order, on AWS or in the cloud of AWS_ENDPOINT_URL."""

import os
import sys
import threading
import time
from pathlib import Path

import boto3
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from carrier import LOCAL, Carrier

from millrace.cli.events import read_event
from millrace.cli.project import Project
from millrace.cli.target import Target
from millrace.operations.bus import put_event
from millrace.operations.logs import find_trace

pytestmark = pytest.mark.skipif("MILLRACE_E2E" not in os.environ, reason="needs a deployed stack and MILLRACE_E2E=1")
ROOT = Path(__file__).parents[2]
MAX_WAIT, PAUSE = 300, 3
TARGET = Target(aws="AWS_ENDPOINT_URL" not in os.environ)


@pytest.fixture
def project():
    return Project(ROOT, Path(".millrace/cdk.out"))


def flow_of(project, name, last):
    """Put a recorded event and wait until its trace contains `last`."""
    event = read_event(project, name, f"@{ROOT / 'tests' / 'events' / last[0]}")
    return wait_for(project, put_event(TARGET.cloud(project), event, project.bus()).correlation_id, last[1])


def wait_for(project, correlation_id, last):
    cloud = TARGET.cloud(project)
    deadline, never = time.monotonic() + MAX_WAIT, threading.Event()
    while last not in str(trace := find_trace(cloud, project.stacks, correlation_id)) and time.monotonic() < deadline:
        never.wait(PAUSE)  # AWS has no notification that a flow has settled
    return trace


def answer(project, correlation_id):
    """Answer as the carrier, with the callback id and secret from the table of tokens."""
    cloud, order = TARGET.cloud(project), {"order_id": "order-1001", "carrier": "e2e", "tracking_id": "MS-1"}
    dynamodb = cloud.client("dynamodb")
    table = next(name for name in dynamodb.list_tables()["TableNames"] if "CallbacksTokens" in name)
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    (item,) = [each for page in pages for each in page["Items"] if correlation_id in str(each.get("published"))]
    credentials = LOCAL if cloud.endpoint else boto3.Session().get_credentials()
    carrier = Carrier(cloud.client, lambda _requested: None, credentials)
    return carrier.send(f"{item['id']['S']}.{item['secret']['S']}", "ShipmentArranged", order)


def test_placed_order_completes(project):
    flow_of(project, "StockDelivered", ("stock_delivered.json", "shelve_stock"))
    requested = flow_of(project, "PlaceOrder", ("place_order.json", "ShippingRequested"))
    assert answer(project, requested.correlation_id) == 202
    names = wait_for(project, requested.correlation_id, "CreditRated").names()
    assert {"OrderCompleted", "PointsAwarded", "CreditRated"} <= set(names)
