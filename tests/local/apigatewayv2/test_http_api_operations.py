"""Operations of HTTP APIs."""

import pytest
from botocore.exceptions import ClientError

pytest_plugins = ["http_fixtures"]


@pytest.fixture(scope="module")
def error(make_api, empty_cloud):
    """Return status and code of an error of an API with the route `GET /a` and the default stage."""
    gateway, api = empty_cloud.client("apigatewayv2"), make_api({"GET /a": {}})

    def error(operation, **given):
        with pytest.raises(ClientError) as raised:
            getattr(gateway, operation)(ApiId=api.id, **given)
        response = raised.value.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]

    return error


@pytest.mark.parametrize("kind", ["Authorizer", "Integration", "Route"])
def test_unknown_part_of_an_api_is_not_found(error, kind):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes-routeid.html"""
    named = {f"{kind}Id": "none"}
    found = [error(f"{verb}_{kind.lower()}", **named) for verb in ("get", "update", "delete")]
    assert found == [(404, "NotFoundException")] * 3


def test_unknown_stage_is_not_found(error):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html"""
    found = [error(f"{verb}_stage", StageName="none") for verb in ("get", "update", "delete")]
    assert found == [(404, "NotFoundException")] * 3


def test_route_and_stage_are_created_once(error):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes.html"""
    assert error("create_route", RouteKey="GET /a") == (409, "ConflictException")
    assert error("create_stage", StageName="$default") == (409, "ConflictException")


@pytest.mark.parametrize("key", ["orders", "/a", "FETCH /a", "GET a", "default"])
def test_route_key_is_a_method_and_a_path(error, key):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""
    assert error("create_route", RouteKey=key) == (400, "BadRequestException")
