"""The shared service models, compared with botocore's own loader."""

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
def botocore_own():
    return session()


def client(service, session):
    return session.client(service, endpoint_url="http://127.0.0.1:1")


def signer(service, session):
    signer = client(service, session)._request_signer
    return signer.signature_version, signer.signing_name, signer.region_name


@pytest.mark.parametrize("service", SERVICES)
def test_client_signs_like_a_client_with_all_endpoints(service, own, botocore_own):
    assert signer(service, own) == signer(service, botocore_own)


def test_presigned_url_is_that_of_other_clients(own, botocore_own):
    def address(session):
        url = client("s3", session).generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"}, ExpiresIn=60)
        return re.sub(r"(Date|Expires|Signature)=[^&]*", "", url)

    assert address(own) == address(botocore_own)


def test_requests_go_to_the_explicit_endpoint_of_a_client(own):
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html."""
    sent = []

    def answered(request, **_):
        sent.append(request.url)
        raise ConnectionRefusedError

    client = own.client("sqs", endpoint_url="http://127.0.0.1:1")
    client.meta.events.register("before-send", answered)
    with pytest.raises(ConnectionRefusedError):
        client.list_queues()
    assert sent == ["http://127.0.0.1:1/"]
