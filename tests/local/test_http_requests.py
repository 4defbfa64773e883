"""HTTP APIs: which route a request takes, what the function is given, and what comes of its result."""

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
def test_the_most_specific_route_takes_a_request(api, method, path, key):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""
    assert api.event(method, path)["routeKey"] == key


def test_a_route_gives_its_variables_to_the_function(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""
    assert api.event("GET", "/orders/o-1")["pathParameters"] == {"id": "o-1"}
    assert api.event("GET", "/files/a/b")["pathParameters"] == {"path": "a/b"}
    assert "pathParameters" not in api.event("GET", "/elsewhere")


def test_a_request_that_no_route_takes_is_not_found(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""
    answer = make_api({"GET /orders": {}}).ask("POST", "/orders")
    assert (answer.status, answer.body) == (404, b'{"message":"Not Found"}')


def test_a_stage_is_the_first_segment_and_stays_in_the_path(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html"""
    event = api.event("GET", "/beta/orders/o-1")
    assert (event["requestContext"]["stage"], event["routeKey"]) == ("beta", "GET /orders/{id}")
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/beta/orders/o-1"
    assert event["stageVariables"] == {"table": "orders"}


def test_an_api_without_a_stage_for_it_is_not_found(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html"""
    api = make_api({"$default": {}}, stages=("beta",))
    assert (api.ask("GET", "/orders").status, api.ask("GET", "/beta/orders").status) == (404, 200)


def test_an_api_has_a_path_for_clients_that_cannot_resolve_its_name(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-publish.html

    Differs: the endpoint is http://{api}.execute-api.localhost:PORT, or http://127.0.0.1:PORT/_aws/execute-api/{api}.
    """
    answers = [api.ask("GET", f"{stage}/orders/o-1", by_path=True) for stage in ("", "/$default")]
    assert [json.loads(answer.body)["rawPath"] for answer in answers] == ["/orders/o-1", "/orders/o-1"]


def test_an_endpoint_that_is_disabled_is_not_found(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-disable-default-endpoint.html"""
    assert make_api({"$default": {}}, DisableExecuteApiEndpoint=True).ask("GET", "/").status == 404


def test_the_endpoint_of_an_api_is_told_where_it_is_served(empty_cloud, api):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html

    Differs: it is http, on this machine.
    """
    assert empty_cloud.client("apigatewayv2").get_api(ApiId=api.id)["ApiEndpoint"] == f"http://{api.host}"


def test_the_path_is_decoded_and_the_query_is_not(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    event = api.event("GET", "/orders/o%20%C3%A41?a=1%2C2&b=&a=3")
    assert (event["rawPath"], event["pathParameters"]) == ("/orders/o ä1", {"id": "o ä1"})
    assert event["rawQueryString"] == "a=1%2C2&b=&a=3"
    assert event["queryStringParameters"] == {"a": "1,2,3", "b": ""}


def test_headers_are_lower_case_with_several_values_joined_and_cookies_apart(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    event = json.loads(api.ask("GET", "/x", raw=[("X-A", "1"), ("X-A", "2"), ("Cookie", "a=1; b=2")]).body)
    assert (event["headers"]["x-a"], event["cookies"]) == ("1,2", ["a=1", "b=2"])
    assert "cookie" not in event["headers"]


def test_a_text_body_is_passed_as_it_is_and_any_other_as_base64(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    text = api.event("POST", "/x", '{"ä": 1}'.encode())
    binary = api.event("POST", "/x", b"\x00\xff", content_type="image/png")
    assert (text["body"], text["isBase64Encoded"]) == ('{"ä": 1}', False)
    assert (base64.b64decode(binary["body"]), binary["isBase64Encoded"]) == (b"\x00\xff", True)
    assert "body" not in api.event("GET", "/x")


def test_the_context_says_where_and_when_a_request_came_in(api):
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
        ({"statusCode": "201", "body": "made"}, 201, "text/plain;charset=UTF-8", b"made"),
        ({"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}, 200, "text/plain;charset=UTF-8", b"\x00\xff"),
    ],
)
def test_a_result_without_a_status_code_is_the_body(api, result, status, content_type, body):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    answer = api.ask("POST", "/x", {"result": result})
    assert (answer.status, answer.headers["content-type"], answer.body) == (status, content_type, body)


def test_a_result_may_have_headers_and_several_cookies(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    result = {"statusCode": 200, "headers": {"X-Total": 3, "Content-Type": "text/csv"}, "cookies": ["a=1", "b=2"]}
    answer = api.ask("POST", "/x", {"result": result})
    assert (answer.headers["x-total"], answer.headers["content-type"]) == ("3", "text/csv")
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    "told",
    [
        {"raise": "no"},
        {"result": {"statusCode": "many"}},
        {"result": {"statusCode": 200, "body": {"no": "text"}}},
        {"result": {"statusCode": 200, "body": "no base64", "isBase64Encoded": True}},
    ],
)
def test_a_function_that_fails_or_answers_nonsense_is_an_internal_server_error(api, told):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html"""
    answer = api.ask("POST", "/x", told)
    assert (answer.status, answer.body) == (500, b'{"message":"Internal Server Error"}')


def test_a_function_whose_policy_does_not_let_the_api_in_is_an_internal_server_error(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html"""
    assert make_api({"$default": {}}, permitted=False).ask("GET", "/").status == 500


def test_a_function_that_takes_longer_than_the_integration_is_unavailable(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
    answer = make_api({"$default": {}}, seconds=0.05).ask("POST", "/", {"sleep": 0.3})
    assert (answer.status, answer.body) == (503, b'{"message":"Service Unavailable"}')


def test_a_body_that_makes_more_than_a_function_takes_is_too_large(api):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    answer = api.ask("POST", "/x", b"x" * (6 * 1024 * 1024))
    assert (answer.status, answer.body) == (413, b'{"message":"Request Entity Too Large"}')


def test_a_body_of_more_than_ten_megabytes_is_too_large(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
    answer = api.ask("POST", "/x", b" " * (10 * 1024 * 1024 + 1))
    assert (answer.status, answer.body) == (413, b'{"message":"Request Entity Too Large"}')


def test_each_answer_has_the_id_of_its_request(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html"""
    answer = api.ask("GET", "/x")
    assert answer.headers["apigw-requestid"] == json.loads(answer.body)["requestContext"]["requestId"]


def test_a_stage_logs_each_request_in_its_own_form(empty_cloud, make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html"""
    logs, gateway = empty_cloud.client("logs"), empty_cloud.client("apigatewayv2")
    logs.create_log_group(logGroupName="access")
    api = make_api({"GET /orders/{id}": {}}, stages=())
    told = {"Format": "$context.routeKey $context.status $context.path $context.unknown"}
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:access"
    gateway.create_stage(ApiId=api.id, StageName="$default", AccessLogSettings={**told, "DestinationArn": arn})
    api.ask("GET", "/orders/o-1")
    (line,) = logs.filter_log_events(logGroupName="access")["events"]
    assert line["message"] == "GET /orders/{id} 200 /orders/o-1 -"
