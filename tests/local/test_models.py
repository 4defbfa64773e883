"""The models that all clients share, held against botocore's own loader."""

import re

import boto3
import pytest
from botocore.session import Session

from millrace.local.core.botocore_models import models

SERVICES = (
    *("apigatewayv2", "cloudformation", "cloudwatch", "dynamodb", "dynamodbstreams", "ecr", "events", "iam", "kinesis"),
    *("kms", "lambda", "logs", "s3", "scheduler", "schemas", "secretsmanager", "sns", "sqs", "ssm", "stepfunctions"),
    "sts",
)


def session(**components):
    botocore_session = Session()
    for name, component in components.items():
        botocore_session.register_component(name, component)
    return boto3.Session("key", "secret", region_name="us-east-1", botocore_session=botocore_session)


@pytest.fixture(scope="module")
def own():
    return session(data_loader=models())


@pytest.fixture(scope="module")
def any_other():
    return session()


def client(service, session):
    return session.client(service, endpoint_url="http://127.0.0.1:1")


def signer(service, session):
    known = client(service, session)._request_signer
    return known.signature_version, known.signing_name, known.region_name


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_signs_as_one_does_that_knows_every_endpoint(service, own, any_other):
    assert signer(service, own) == signer(service, any_other)


def test_an_object_has_the_address_that_any_client_gives_it(own, any_other):
    def address(session):
        url = client("s3", session).generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"}, ExpiresIn=60)
        return re.sub(r"(Date|Expires|Signature)=[^&]*", "", url)

    assert address(own) == address(any_other)
