"""`millrace compat` against the registry of a cloud that runs."""

import json
from pathlib import Path

import pytest

from millrace.cli import main

ROOT = Path(__file__).parents[2]
COMPLETED = {"RegistryName": "shop", "SchemaName": "shop.fulfilment@OrderCompleted"}


@pytest.fixture
def compat(cloud, monkeypatch, capsys):
    """The command's exit status and output."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint_url)

    def run():
        status = main(["compat"])
        return status, "".join(capsys.readouterr())

    return run


def test_a_project_that_is_deployed_gets_on_with_itself(compat):
    status, told = compat()
    compared, told = told.splitlines()[-1].split(" events compared: ")
    assert (status, told) == (0, "0 changes break a consumer, 0 break none")
    assert int(compared) >= 16


def test_the_newest_version_in_the_registry_counts(compat, cloud):
    schemas = cloud.client("schemas")
    document = json.loads(schemas.describe_schema(**COMPLETED)["Content"])
    event = document["components"]["schemas"]["OrderCompleted"]
    del event["properties"]["customer_id"]
    event["required"].remove("customer_id")
    schemas.update_schema(**COMPLETED, Type="OpenApi3", Content=json.dumps(document))
    status, told = compat()
    assert status == 1
    assert "OrderCompleted.customer_id is a new required field\n        award_points" in told


def test_a_cloud_that_has_no_registry_is_told(compat, cloud):
    cloud.reset()
    status, told = compat()
    assert status == 2
    assert "no schema registry shop: deploy the project first" in told
