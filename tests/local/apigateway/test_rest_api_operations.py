"""Operations of REST APIs."""

import pytest
from botocore.exceptions import ClientError

pytest_plugins = ["rest_fixtures"]


@pytest.fixture(scope="module")
def api(make):
    return make({"orders": {}})


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("delete_rest_api", {"restApiId": "none"}),
        ("delete_resource", {"resourceId": "none"}),
        ("delete_integration", {"resourceId": "root", "httpMethod": "GET"}),
        ("delete_authorizer", {"authorizerId": "none"}),
        ("delete_request_validator", {"requestValidatorId": "none"}),
        ("delete_usage_plan", {"usagePlanId": "none"}),
        ("delete_usage_plan_key", {"usagePlanId": "none", "keyId": "none"}),
    ],
)
def test_deletion_of_an_unknown_part_is_not_found(api, empty_cloud, operation, given):
    """https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteRestApi.html#API_DeleteRestApi_Errors"""
    gateway = empty_cloud.client("apigateway")
    of_plan = "usagePlanId" in given or "restApiId" in given
    named = given if of_plan else {"restApiId": api.id, **given}
    if given.get("resourceId") == "root":
        root = next(each for each in gateway.get_resources(restApiId=api.id)["items"] if each["path"] == "/")
        named["resourceId"] = root["id"]
    with pytest.raises(ClientError) as raised:
        getattr(gateway, operation)(**named)
    response = raised.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (404, "NotFoundException")


def refused(call, **given):
    with pytest.raises(ClientError) as raised:
        call(**given)
    return raised.value.response["Error"]["Code"]


@pytest.mark.parametrize("body", [b"", b"{}", b"text", b"\xff", b"[]"])
def test_import_without_an_openapi_document_is_a_bad_request(api, empty_cloud, body):
    """https://docs.aws.amazon.com/apigateway/latest/api/API_ImportRestApi.html"""
    gateway = empty_cloud.client("apigateway")
    assert refused(gateway.import_rest_api, body=body) == "BadRequestException"
    assert refused(gateway.put_rest_api, restApiId=api.id, body=body) == "BadRequestException"


@pytest.mark.parametrize("operation", [{}, {"op": "put", "path": "/name"}, {"op": "replace", "path": "name"}])
def test_malformed_patch_operation_is_a_bad_request(api, empty_cloud, operation):
    """https://docs.aws.amazon.com/apigateway/latest/api/API_PatchOperation.html"""
    gateway = empty_cloud.client("apigateway")
    assert refused(gateway.update_account, patchOperations=[operation]) == "BadRequestException"
    assert refused(gateway.update_rest_api, restApiId=api.id, patchOperations=[operation]) == "BadRequestException"


def test_update_without_patch_operations_changes_nothing(api, empty_cloud):
    """https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateRestApi.html"""
    gateway = empty_cloud.client("apigateway")
    before = gateway.get_rest_api(restApiId=api.id)["name"]
    assert gateway.update_rest_api(restApiId=api.id)["name"] == before
    assert gateway.update_account()["apiKeyVersion"]


@pytest.mark.parametrize("part", ["", "/stages/prod"])
def test_rest_api_and_stage_can_be_tagged(api, empty_cloud, part):
    """https://docs.aws.amazon.com/apigateway/latest/api/API_TagResource.html"""
    gateway, arn = empty_cloud.client("apigateway"), f"arn:aws:apigateway:us-east-1::/restapis/{api.id}{part}"
    gateway.tag_resource(resourceArn=arn, tags={"team": "a", "cost": "b"})
    gateway.untag_resource(resourceArn=arn, tagKeys=["cost"])
    assert gateway.get_tags(resourceArn=arn)["tags"] == {"team": "a"}


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("a", "BadRequestException"),
        ("arn:aws:apigateway:us-east-1::/restapis/none", "NotFoundException"),
        ("arn:aws:apigateway:us-east-1::/usageplans/a", "NotImplemented"),
    ],
)
def test_arn_that_cannot_be_tagged_is_refused(api, empty_cloud, arn, code):
    """https://docs.aws.amazon.com/apigateway/latest/api/API_TagResource.html#API_TagResource_Errors"""
    gateway = empty_cloud.client("apigateway")
    assert refused(gateway.tag_resource, resourceArn=arn, tags={"a": "b"}) == code
    assert refused(gateway.get_tags, resourceArn=arn) == code


def test_import_of_api_keys_is_refused_by_name(empty_cloud):
    gateway = empty_cloud.client("apigateway")
    assert refused(gateway.import_api_keys, body=b"Name,key\na,b", format="csv") == "NotImplemented"
