"""Responses to unsupported operations and to failures of moto."""

import pytest
from botocore.exceptions import ClientError

UNIMPLEMENTED = [
    ("lambda", "get_provisioned_concurrency_config", {"FunctionName": "f", "Qualifier": "1"}),
    ("events", "update_event_bus", {"Name": "default"}),
    ("sns", "verify_sms_sandbox_phone_number", {"PhoneNumber": "+1", "OneTimePassword": "12345"}),
    ("iam", "generate_service_last_accessed_details", {"Arn": "arn:aws:iam::123456789012:role/r"}),
    ("ecr", "describe_pull_through_cache_rules", {}),
    ("cloudformation", "describe_type", {"Arn": "arn:aws:cloudformation:us-east-1::type/resource/AWS-SQS-Queue"}),
    ("ec2", "describe_bundle_tasks", {}),
    ("s3", "get_bucket_analytics_configuration", {"Bucket": "some", "Id": "1"}),
    ("bcm-data-exports", "list_exports", {}),
]


@pytest.mark.parametrize(("service", "operation", "given"), UNIMPLEMENTED)
def test_unsupported_operation_returns_400_with_its_name_and_is_not_retried(empty_cloud, service, operation, given):
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html.

    Differs: AWS has every operation; here unsupported ones return an error that SDKs do not retry.
    """
    client = empty_cloud.client(service)
    with pytest.raises(ClientError) as raised:
        getattr(client, operation)(**given)
    error, metadata = raised.value.response["Error"], raised.value.response["ResponseMetadata"]
    assert (error["Code"], metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == ("NotImplemented", 400, 0)
    assert f"{service} {client.meta.method_to_api_mapping[operation]} is not implemented" in error["Message"]


@pytest.mark.parametrize(
    ("service", "operation", "given", "method"),
    [
        ("ssm", "get_parameter", {"Name": "a"}, "moto.ssm.models.SimpleSystemManagerBackend.get_parameter"),
        ("iam", "get_role", {"RoleName": "a"}, "moto.iam.models.IAMBackend.get_role"),
        ("s3", "list_buckets", {}, "moto.s3.models.S3Backend.list_buckets"),
    ],
)
def test_failure_of_moto_returns_its_cause_and_is_not_retried(
    empty_cloud, monkeypatch, service, operation, given, method
):
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html.

    Differs: AWS returns 500, which SDKs retry; here it is 501, which they do not.
    """

    def fail(*_, **__):
        raise KeyError("a cause")

    monkeypatch.setattr(method, fail)
    with pytest.raises(ClientError, match="KeyError: 'a cause'") as raised:
        getattr(empty_cloud.client(service), operation)(**given)
    metadata = raised.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (501, 0)


def test_missing_resource_is_not_found(empty_cloud):
    """https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html."""
    with pytest.raises(ClientError) as raised:
        empty_cloud.client("lambda").get_function(FunctionName="missing")
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"
