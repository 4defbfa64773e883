"""The start of the local cloud: imports, checked definitions and garbage collection."""

import gc
import json
import subprocess
import sys

import pytest

from millrace.local.core.garbage import pause_garbage_collection

pytest_plugins = ["bus_fixtures"]

START = """
import json, sys
from pathlib import Path
from millrace.local.cloud import LocalCloud

with LocalCloud(cache=Path(sys.argv[1])) as cloud:
    cloud.deploy(Path(sys.argv[2]))
    print(json.dumps(sorted(sys.modules)))
"""
STATES = {"StartAt": "It", "States": {"It": {"Type": "Pass", "End": True}}}
TRUST = {"Version": "2012-10-17", "Statement": []}
RESOURCES = {
    "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Machine": {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "DefinitionString": json.dumps(STATES)},
    },
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Modules loaded by the second start with a small stack."""
    root = tmp_path_factory.mktemp("start")
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "S.template.json"},
    }
    (root / "S.template.json").write_text(json.dumps({"Resources": RESOURCES}))
    (root / "manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": {"S": stack}}))
    command = [sys.executable, "-c", START, str(root / "cache"), str(root)]
    subprocess.run(command, check=True, capture_output=True)
    return set(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


@pytest.mark.parametrize(
    "module",
    [
        "aws_cdk",
        "docker",
        "jsonata",
        "millrace.events",
        "millrace.local.cloudformation.api",
        "moto.ec2",
        "moto.stepfunctions",
        "pydantic",
    ],
)
def test_start_imports_only_modules_that_its_stack_needs(loaded, module):
    assert module not in loaded


def test_aws_managed_policies_are_loaded_on_demand(local):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html"""
    iam = local.client("iam")
    iam.create_role(RoleName="basic", AssumeRolePolicyDocument="{}")
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    iam.attach_role_policy(RoleName="basic", PolicyArn=arn)
    assert [each["PolicyArn"] for each in iam.list_attached_role_policies(RoleName="basic")["AttachedPolicies"]] == [
        arn
    ]


def test_aws_managed_policies_are_found_after_mock_aws(local):
    from moto.iam.models import IAMBackend

    from millrace.local.services.iam.moto_changes import forget_missing_policies

    backend = IAMBackend("aws", "123456789012")
    backend.aws_managed_policies, backend.managed_policies = [], {"own": "policy"}
    forget_missing_policies(backend)
    assert {"own", "arn:aws:iam::aws:policy/ReadOnlyAccess"} <= backend.managed_policies.keys()


def test_paused_garbage_collection_is_disabled():
    with pause_garbage_collection():
        with pause_garbage_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_disabled_garbage_collection_stays_disabled():
    gc.disable()
    try:
        with pause_garbage_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
