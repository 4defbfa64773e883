"""Routes, events and responses of HTTP APIs."""

import base64
import json

import pytest

pytest_plugins = ["http_fixtures"]


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/orders/new", "GET /orders/new"),
        ("GET", "/orders/o-1", "GET /orders/{id}"),
        ("DELETE", "/orders/o-1", "ANY /orders/{id}"),
        ("GET", "/files/list", "GET /files/list"),
        ("GET", "/files/a/b/c", "GET /files/{path+}"),
        ("POST", "/files/a", "$default"),
        ("GET", "/orders/o-1/lines", "$default"),
    ],
)
def test_most_specific_route_matches(api, method, path, key):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""
    assert api.event(method, path)["routeKey"] == key


def test_event_has_path_parameters(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""
    assert api.event("GET", "/orders/o-1")["pathParameters"] == {"id": "o-1"}
    assert api.event("GET", "/files/a/b")["pathParameters"] == {"path": "a/b"}
    assert "pathParameters" not in api.event("GET", "/other")


def test_request_without_a_matching_route_is_not_found(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""
    response = make_api({"GET /orders": {}}).send("POST", "/orders")
    assert (response.status, response.body) == (404, b'{"message":"Not Found"}')


def test_stage_is_the_first_segment_of_the_path(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html"""
    event = api.event("GET", "/beta/orders/o-1")
    assert (event["requestContext"]["stage"], event["routeKey"]) == ("beta", "GET /orders/{id}")
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/beta/orders/o-1"
    assert event["stageVariables"] == {"table": "orders"}


def test_request_without_a_matching_stage_is_not_found(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html"""
    api = make_api({"$default": {}}, stages=("beta",))
    assert (api.send("GET", "/orders").status, api.send("GET", "/beta/orders").status) == (404, 200)


def test_api_has_a_path_for_clients_that_cannot_resolve_its_name(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-publish.html

    Differs: the endpoint is http://{api}.execute-api.localhost:PORT, or http://127.0.0.1:PORT/_aws/execute-api/{api}.
    """
    responses = [api.send("GET", f"{stage}/orders/o-1", by_path=True) for stage in ("", "/$default")]
    assert [json.loads(response.body)["rawPath"] for response in responses] == ["/orders/o-1", "/orders/o-1"]


def test_disabled_endpoint_is_not_found(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-disable-default-endpoint.html"""
    assert make_api({"$default": {}}, DisableExecuteApiEndpoint=True).send("GET", "/").status == 404


def test_get_api_returns_local_endpoint(empty_cloud, api):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html

    Differs: the endpoint uses HTTP on this machine.
    """
    assert empty_cloud.client("apigatewayv2").get_api(ApiId=api.id)["ApiEndpoint"] == f"http://{api.host}"


def test_path_is_decoded_and_query_is_not(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    event = api.event("GET", "/orders/o%20%C3%A41?a=1%2C2&b=&a=3")
    assert (event["rawPath"], event["pathParameters"]) == ("/orders/o ä1", {"id": "o ä1"})
    assert event["rawQueryString"] == "a=1%2C2&b=&a=3"
    assert event["queryStringParameters"] == {"a": "1,2,3", "b": ""}


def test_headers_are_lower_case_and_joined_without_cookies(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    event = json.loads(api.send("GET", "/x", raw=[("X-A", "1"), ("X-A", "2"), ("Cookie", "a=1; b=2")]).body)
    assert (event["headers"]["x-a"], event["cookies"]) == ("1,2", ["a=1", "b=2"])
    assert "cookie" not in event["headers"]


def test_text_body_is_unchanged_and_other_body_is_base64(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    text = api.event("POST", "/x", '{"ä": 1}'.encode())
    binary = api.event("POST", "/x", b"\x00\xff", content_type="image/png")
    assert (text["body"], text["isBase64Encoded"]) == ('{"ä": 1}', False)
    assert (base64.b64decode(binary["body"]), binary["isBase64Encoded"]) == (b"\x00\xff", True)
    assert "body" not in api.event("GET", "/x")


def test_request_context_has_api_request_and_time(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    context = api.event("GET", "/x", user_agent="curl/8")["requestContext"]
    assert (context["apiId"], context["domainPrefix"], context["accountId"]) == (api.id, api.id, "123456789012")
    assert context["http"] == {
        "method": "GET",
        "path": "/x",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "curl/8",
    }
    assert abs(context["timeEpoch"] / 1000 - api.cloud.scheduler.clock.now()) < 60


@pytest.mark.parametrize(
    ("result", "status", "content_type", "body"),
    [
        ("hello", 200, "application/json", b"hello"),
        ({"order": 1}, 200, "application/json", b'{"order": 1}'),
        ([1, 2], 200, "application/json", b"[1, 2]"),
        ({"statusCode": 204}, 204, "text/plain;charset=UTF-8", b""),
        ({"statusCode": "201", "body": "created"}, 201, "text/plain;charset=UTF-8", b"created"),
        ({"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}, 200, "text/plain;charset=UTF-8", b"\x00\xff"),
    ],
)
def test_result_without_status_code_becomes_the_body(api, result, status, content_type, body):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    response = api.send("POST", "/x", {"result": result})
    assert (response.status, response.headers["content-type"], response.body) == (status, content_type, body)


def test_result_can_have_headers_and_cookies(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    result = {"statusCode": 200, "headers": {"X-Total": 3, "Content-Type": "text/csv"}, "cookies": ["a=1", "b=2"]}
    response = api.send("POST", "/x", {"result": result})
    assert (response.headers["x-total"], response.headers["content-type"]) == ("3", "text/csv")
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    "command",
    [
        {"raise": "error"},
        {"result": {"statusCode": "many"}},
        {"result": {"statusCode": 200, "body": {"not": "text"}}},
        {"result": {"statusCode": 200, "body": "not base64", "isBase64Encoded": True}},
    ],
)
def test_failed_function_or_invalid_result_returns_internal_server_error(api, command):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html"""
    response = api.send("POST", "/x", command)
    assert (response.status, response.body) == (500, b'{"message":"Internal Server Error"}')


def test_missing_function_permission_returns_internal_server_error(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html"""
    assert make_api({"$default": {}}, permitted=False).send("GET", "/").status == 500


def test_integration_timeout_returns_service_unavailable(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
    response = make_api({"$default": {}}, seconds=0.05).send("POST", "/", {"sleep": 0.3})
    assert (response.status, response.body) == (503, b'{"message":"Service Unavailable"}')


def test_body_larger_than_function_payload_is_too_large(api):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    response = api.send("POST", "/x", b"x" * (6 * 1024 * 1024))
    assert (response.status, response.body) == (413, b'{"message":"Request Entity Too Large"}')


def test_body_larger_than_ten_mebibytes_is_too_large(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
    response = api.send("POST", "/x", b" " * (10 * 1024 * 1024 + 1))
    assert (response.status, response.body) == (413, b'{"message":"Request Entity Too Large"}')


def test_response_has_request_id(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html"""
    response = api.send("GET", "/x")
    assert response.headers["apigw-requestid"] == json.loads(response.body)["requestContext"]["requestId"]


def test_stage_writes_access_log_in_its_format(empty_cloud, make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html"""
    logs, gateway = empty_cloud.client("logs"), empty_cloud.client("apigatewayv2")
    logs.create_log_group(logGroupName="access")
    api = make_api({"GET /orders/{id}": {}}, stages=())
    settings = {"Format": "$context.routeKey $context.status $context.path $context.unknown"}
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:access"
    gateway.create_stage(ApiId=api.id, StageName="$default", AccessLogSettings={**settings, "DestinationArn": arn})
    api.send("GET", "/orders/o-1")
    (line,) = logs.filter_log_events(logGroupName="access")["events"]
    assert line["message"] == "GET /orders/{id} 200 /orders/o-1 -"


def test_update_of_a_stage_changes_its_variables(make_api, empty_cloud):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html"""
    api = make_api({"$default": {}}, variables={"table": "old"})
    stage = {"ApiId": api.id, "StageName": "$default", "StageVariables": {"table": "new"}}
    changed = empty_cloud.client("apigatewayv2").update_stage(**stage, Description="all")
    assert (changed["Description"], changed["StageVariables"]) == ("all", {"table": "new"})
    assert api.event("GET", "/x")["stageVariables"] == {"table": "new"}
