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
