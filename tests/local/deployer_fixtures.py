"""Fixtures and templates for the tests of deployments of hand-written templates."""

import pytest


def queue(**properties):
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def rule(target, **properties):
    targets = [{"Id": "one", "Arn": {"Fn::GetAtt": [target, "Arn"]}}]
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": {"source": ["shop"]}, "Targets": targets, **properties},
    }


@pytest.fixture
def deployer(bare, tmp_path):
    return bare.deployer(tmp_path / "cache")


@pytest.fixture
def deploy(deployer, write_assembly):
    """Deploy the resources of one stack; return the changes as (action, logical id)."""

    def deploy(**resources):
        changes = []
        deployer.deploy(write_assembly(Shop=resources), changes.append)
        return [(change.action, change.logical_id) for change in changes]

    return deploy


@pytest.fixture
def resources(deployer):
    return lambda: deployer.deployment.stacks["Shop"].resources


@pytest.fixture
def queues(bare):
    return lambda: [url.rsplit("/", 1)[-1] for url in bare.client("sqs").list_queues().get("QueueUrls", [])]


@pytest.fixture
def attributes(bare):
    def attributes(resource):
        sqs = bare.client("sqs")
        return sqs.get_queue_attributes(QueueUrl=resource.physical_id, AttributeNames=["All"])["Attributes"]

    return attributes
