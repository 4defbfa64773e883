"""What the endpoint answers where neither the event plane nor moto has an operation, or where moto breaks."""

import pytest
from botocore.exceptions import ClientError

UNIMPLEMENTED = [
    ("lambda", "put_function_recursion_config", {"FunctionName": "f", "RecursiveLoop": "Allow"}),
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
def test_an_operation_that_is_not_implemented_answers_400_by_name_at_once(empty_cloud, service, operation, given):
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html.

    Differs: AWS has every operation; here the ones that are not implemented are refused, and not tried again.
    """
    client = empty_cloud.client(service)
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**given)
    error, answered = refused.value.response["Error"], refused.value.response["ResponseMetadata"]
    assert (error["Code"], answered["HTTPStatusCode"], answered["RetryAttempts"]) == ("NotImplemented", 400, 0)
    assert f"{service} {client.meta.method_to_api_mapping[operation]} is not implemented" in error["Message"]


@pytest.mark.parametrize(
    ("service", "operation", "given", "broken"),
    [
        ("ssm", "get_parameter", {"Name": "a"}, "moto.ssm.models.SimpleSystemManagerBackend.get_parameter"),
        ("iam", "get_role", {"RoleName": "a"}, "moto.iam.models.IAMBackend.get_role"),
        ("s3", "list_buckets", {}, "moto.s3.models.S3Backend.list_buckets"),
    ],
)
def test_where_moto_breaks_the_cause_is_told_and_the_call_not_tried_again(
    empty_cloud, monkeypatch, service, operation, given, broken
):
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html.

    Differs: AWS answers 500, which SDKs try again; here it is 501, which they do not.
    """

    def fail(*_, **__):
        raise KeyError("a cause")

    monkeypatch.setattr(broken, fail)
    with pytest.raises(ClientError, match="KeyError: 'a cause'") as refused:
        getattr(empty_cloud.client(service), operation)(**given)
    answered = refused.value.response["ResponseMetadata"]
    assert (answered["HTTPStatusCode"], answered["RetryAttempts"]) == (501, 0)


def test_what_is_not_there_is_still_not_found(empty_cloud):
    """https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html."""
    with pytest.raises(ClientError) as refused:
        empty_cloud.client("lambda").get_function(FunctionName="nobody")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
