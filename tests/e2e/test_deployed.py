"""The deployed stack, on AWS or where AWS_ENDPOINT_URL leads: `MILLRACE_E2E=1 make e2e`. It places one real order."""

import os
import threading
import time
from pathlib import Path

import pytest

from millrace.cli.flows import find_trace, put_event, read_event
from millrace.cli.project import Project

pytestmark = pytest.mark.skipif("MILLRACE_E2E" not in os.environ, reason="needs a deployed stack and MILLRACE_E2E=1")
ROOT = Path(__file__).parents[2]
PATIENCE, PAUSE = 300, 3


@pytest.fixture
def project():
    return Project(ROOT, Path(".millrace/cdk.out"))


def flow_of(project, name, last):
    """Put a recorded event, and look at its flow until it holds what comes last."""
    cloud = project.cloud()
    event = read_event(project, name, f"@{ROOT / 'tests' / 'events' / last[0]}")
    correlation_id = put_event(cloud, event, project.bus()).correlation_id
    ends, never = time.monotonic() + PATIENCE, threading.Event()
    while last[1] not in str(trace := find_trace(project, cloud, correlation_id)) and time.monotonic() < ends:
        never.wait(PAUSE)  # AWS tells nobody that a flow has settled
    return trace


def test_a_placed_order_runs_to_its_end(project):
    flow_of(project, "StockDelivered", ("stock_delivered.json", "shelve_stock"))
    names = flow_of(project, "PlaceOrder", ("place_order.json", "CreditRated")).names()
    assert {"OrderCompleted", "PointsAwarded", "CreditRated"} <= set(names)
