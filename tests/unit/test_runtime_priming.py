"""On Lambda, the import of a handler creates what its invocations need."""

import os
import subprocess
import sys

from botocore.session import Session

from millrace.runtime.environment import client, table_called

LOADED = "import sys\nimport functions.award_points.handler\nprint(*sorted(sys.modules))"
ON_LAMBDA = {
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "MILLRACE_BUS": "shop",
    "MILLRACE_SCOPE": "Loyalty/AwardPoints",
    "MILLRACE_IDEMPOTENCY_TABLE": "records",
    "MILLRACE_IDEMPOTENCY_SECONDS": "60",
    "MILLRACE_TABLE_POINTS": "points",
}


def modules_after_import(environment):
    given = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ} | environment
    ran = subprocess.run([sys.executable, "-c", LOADED], env=given, capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_import_on_lambda_loads_clients_and_powertools():
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    loaded = modules_after_import(ON_LAMBDA)
    assert {"boto3", "botocore.client", "aws_lambda_powertools.utilities.batch"} <= loaded
    assert "millrace.runtime.dynamodb_records" in loaded


def test_import_elsewhere_loads_neither():
    elsewhere = {name: value for name, value in ON_LAMBDA.items() if name != "AWS_LAMBDA_INITIALIZATION_TYPE"}
    assert not {"boto3", "aws_lambda_powertools"} & modules_after_import(elsewhere)


def test_tables_share_a_client(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert table_called("one").meta.client is table_called("two").meta.client


def test_clients_have_a_fixed_user_agent(monkeypatch):
    """https://docs.aws.amazon.com/botocore/latest/reference/config.html"""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    client.cache_clear()
    made = client("events")
    client.cache_clear()
    assert made.meta.config.user_agent.startswith(Session().user_agent())
