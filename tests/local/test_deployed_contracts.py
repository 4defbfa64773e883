"""`millrace compat` against the schema registry of a running cloud."""

import json
from pathlib import Path

import pytest

from millrace.cli import main
from millrace.operations.cloud import Cloud

ROOT = Path(__file__).parents[2]
COMPLETED = {"RegistryName": "shop", "SchemaName": "shop.fulfilment@OrderCompleted"}


@pytest.fixture
def compat(cloud, monkeypatch, capsys):
    """Run the command; return its exit status and output."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("millrace.cli.target.choose_aws", lambda _: Cloud(cloud.endpoint_url))

    def run():
        status = main(["compat", "--aws"])
        return status, "".join(capsys.readouterr())

    return run


def test_deployed_project_is_compatible_with_itself(compat):
    status, output = compat()
    compared, result = output.splitlines()[-1].split(" events compared: ")
    assert (status, result) == (0, "0 changes break a consumer, 0 break none")
    assert int(compared) >= 16


def test_newest_version_in_the_registry_is_compared(compat, cloud):
    schemas = cloud.client("schemas")
    document = json.loads(schemas.describe_schema(**COMPLETED)["Content"])
    event = document["components"]["schemas"]["OrderCompleted"]
    del event["properties"]["customer_id"]
    event["required"].remove("customer_id")
    schemas.update_schema(**COMPLETED, Type="OpenApi3", Content=json.dumps(document))
    status, output = compat()
    assert status == 1
    assert "OrderCompleted.customer_id is a new required field\n        award_points" in output


def test_cloud_without_a_registry_is_reported(compat, cloud):
    cloud.reset()
    status, output = compat()
    assert status == 2
    assert "no schema registry shop: deploy the project first" in output
