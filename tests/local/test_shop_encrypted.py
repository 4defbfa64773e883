"""The shop under a key of its own, in the local cloud."""

from pathlib import Path

import pytest

from millrace.local.cloudformation.synthesis import synthesise

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cloud(empty_cloud):
    """The shop with its own key."""
    out = ROOT / ".millrace" / "cdk.keyed.out"
    synthesise(ROOT, out, {"encryption-key": "create"})
    empty_cloud.deploy(out)
    yield empty_cloud
    empty_cloud.reset()


def test_the_whole_flow_runs_under_one_key(stocked, put):
    order = put("place_order")
    stocked.settle()
    trace = stocked.trace(order)
    assert {"OrderCompleted", "CreditRated", "GiftIssued"} <= set(trace.names())
    assert trace.errors() == []


def test_queues_tables_functions_logs_and_machines_are_under_the_key(cloud):
    (key,) = [key["KeyArn"] for key in cloud.client("kms").list_keys()["Keys"]]
    sqs, tables = cloud.client("sqs"), cloud.client("dynamodb")
    of_queues = {
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["KmsMasterKeyId"]
        for url in sqs.list_queues()["QueueUrls"]
        if "keyfailures" not in url.lower()  # receives what the key cannot encrypt
    }
    of_tables = {
        tables.describe_table(TableName=name)["Table"]["SSEDescription"]["KMSMasterKeyArn"]
        for name in tables.list_tables()["TableNames"]
    }
    of_functions = {f["KMSKeyArn"] for f in cloud.client("lambda").list_functions()["Functions"]}
    of_logs = {group["kmsKeyId"] for group in cloud.client("logs").describe_log_groups()["logGroups"]}
    assert of_queues == of_tables == of_functions == of_logs == {key}
