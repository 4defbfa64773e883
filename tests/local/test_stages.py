"""Two stages of one app side by side in one local cloud."""

import json
from pathlib import Path

import pytest
from app_assembly import app_assembly

from millrace.events import Metadata
from millrace.local.cloudformation.synthesis import synthesise

DEPOSIT = {"deposit_id": "1", "account": "a", "cents": 5}
APP = Path(__file__).parents[1] / "bank" / "app"


@pytest.fixture
def stages(empty_cloud, assembly):
    """The stages dev and test of the bank, deployed."""
    app_assembly(APP, assembly)
    for stage in ("dev", "test"):
        out = APP / ".millrace" / f"cdk.{stage}.out"
        synthesise(APP, out, {"stage": stage})
        empty_cloud.deploy(out)
    yield empty_cloud
    empty_cloud.reset()


def count(cloud, stage):
    names = cloud.client("dynamodb").list_tables()["TableNames"]
    table = next(name for name in names if f"{stage}-totals" in name.lower())
    return cloud.resource("dynamodb").Table(table).scan()["Count"]


def test_two_stages_handle_their_own_events(stages):
    detail = {"metadata": Metadata.root(producer="test").model_dump(mode="json"), "data": DEPOSIT}
    entry = {"Source": "test.bank", "DetailType": "Deposited", "Detail": json.dumps(detail), "EventBusName": "bank-dev"}
    assert stages.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    stages.settle()
    assert (count(stages, "dev"), count(stages, "test")) == (1, 0)
