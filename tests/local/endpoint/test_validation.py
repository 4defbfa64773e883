"""Validation of the requests that moto answers."""

import json
from urllib.parse import urlencode
from xml.parsers.expat import ExpatError

import pytest

from millrace.local.core.http import Request
from millrace.local.endpoint.validation import moto_failed, refusal

KINESIS, LOGS, TABLES = "Kinesis_20131202", "Logs_20140328", "DynamoDB_20120810"
LONG = "a" * 129


def signed(service, method="POST", path="/", body=b"", **headers):
    scope = f"AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
    return Request(method, path, "", {"authorization": scope, **headers}, body)


def call(service, target, **params):
    return signed(service, body=json.dumps(params).encode(), **{"x-amz-target": target})


def form(service, **params):
    kind = {"content-type": "application/x-www-form-urlencoded"}
    return signed(service, body=urlencode(params).encode(), **kind)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (call("kinesis", f"{KINESIS}.CreateStream"), "Value null at 'streamName' failed to satisfy constraint"),
        (call("kinesis", f"{KINESIS}.CreateStream", StreamName=LONG), "length less than or equal to 128"),
        (call("kinesis", f"{KINESIS}.CreateStream", StreamName="a", ShardCount=0), "greater than or equal to 1"),
        (call("kinesis", f"{KINESIS}.UpdateShardCount", StreamName="a", ScalingType="b"), "enum value set: [UNIFORM"),
        (call("kinesis", f"{KINESIS}.PutRecords", Records=[{"PartitionKey": "a"}]), "at 'records.1.member.data'"),
        (call("dynamodb", f"{TABLES}.PutItem", TableName="t"), "Value null at 'item' failed to satisfy constraint"),
        (call("dynamodb", f"{TABLES}.Scan", TableName="t", Limit=0), "at 'limit' failed to satisfy constraint"),
        (form("sns", Action="CreateTopic"), "Value null at 'name' failed to satisfy constraint"),
    ],
)
def test_parameter_outside_its_constraints_is_rejected(request_, expected):
    """https://smithy.io/2.0/spec/constraint-traits.html"""
    response = refusal(request_)
    assert response.status == 400
    assert expected in response.body.decode()
    assert "validation error" in response.body.decode()


@pytest.mark.parametrize("wrong", [{"StreamName": 1}, {"StreamName": ["a"]}, {"StreamName": "a", "ShardCount": True}])
def test_parameter_of_a_wrong_type_is_rejected(wrong):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html"""
    assert b"SerializationException" in refusal(call("kinesis", f"{KINESIS}.CreateStream", **wrong)).body


@pytest.mark.parametrize(
    "request_",
    [
        call("kinesis", f"{KINESIS}.CreateStream", StreamName="a", ShardCount=1.0),
        call("kinesis", f"{KINESIS}.CreateStream", StreamName="a", StreamModeDetails=None),
        form("sns", Action="TagResource", ResourceArn="a", **{"Tags.member.1.Key": "k", "Tags.member.1.Value": "v"}),
        form("sqs", Action="SendMessage", MessageBody="a"),
        signed("apigateway", "POST", "/v2/apis", b'{"name": "a", "protocolType": "HTTP"}'),
        signed("apigateway", "POST", "/restapis", b'{"name": "a"}'),
        signed("lambda", "GET", "/2015-03-31/functions/f/configuration"),
        signed("lambda", "PUT", "/2015-03-31/functions/f/configuration", b'{"Runtime": "python9.9"}'),
        signed("s3", "PUT", "/bucket"),
    ],
)
def test_valid_parameters_are_accepted(request_):
    """https://smithy.io/2.0/spec/constraint-traits.html"""
    assert refusal(request_) is None


@pytest.mark.parametrize(
    ("request_", "error", "code"),
    [
        (call("kinesis", f"{KINESIS}.ListShards", StreamARN="a"), IndexError(), "regular expression pattern"),
        (call("kinesis", f"{KINESIS}.ListShards", StreamName="a"), KeyError("a"), "ResourceNotFoundException"),
        (call("kinesis", f"{KINESIS}.ListShards", StreamName="a"), ValueError("a"), "InvalidArgumentException"),
        (call("logs", f"{LOGS}.GetQueryResults", queryId="a"), KeyError("a"), "ResourceNotFoundException"),
        (form("sns", Action="DeleteTopic", TopicArn="a"), ValueError("a"), "<Code>InvalidParameter</Code>"),
    ],
)
def test_failure_of_moto_becomes_an_error_of_the_operation(request_, error, code):
    """https://smithy.io/2.0/spec/type-refinement-traits.html#error-trait

    Differs: the message names moto's error.
    """
    response = moto_failed(request_, error)
    assert response.status < 500
    assert code in response.body.decode()


@pytest.mark.parametrize("error", [ExpatError("unclosed token"), ValueError("entities are disabled")])
def test_xml_that_is_not_well_formed_or_has_entities_is_malformed(error):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
    response = moto_failed(signed("s3", "PUT", "/bucket"), error)
    assert (response.status, b"<Code>MalformedXML</Code>" in response.body) == (400, True)
