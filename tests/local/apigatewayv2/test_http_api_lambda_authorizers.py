"""Lambda authorizers of HTTP APIs."""

import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

pytest_plugins = ["http_fixtures"]

GUARD = """
import json

def handler(event, context):
    answer = json.loads(event["headers"]["x-answer"])
    if answer == "raise":
        raise ValueError("broken")
    if isinstance(answer, dict):
        answer["context"] = {"event": event, "id": context.aws_request_id}
    return answer
"""
YES, NO = {"isAuthorized": True}, {"isAuthorized": False}
URI = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations"


@pytest.fixture(scope="module")
def guard(empty_cloud, echo):
    """A function that returns the header `x-answer` with its event; return its ARN."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", GUARD)
    functions = empty_cloud.client("lambda")
    role = functions.get_function(FunctionName="echo")["Configuration"]["Role"]
    made = functions.create_function(
        FunctionName="guard",
        Runtime="python3.13",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    functions.add_permission(
        FunctionName="guard",
        StatementId="any",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn="arn:aws:execute-api:us-east-1:123456789012:*/authorizers/*",
    )
    return made["FunctionArn"]


@pytest.fixture(scope="module")
def guarded_by(make_api, empty_cloud, guard):
    """Create an API whose routes, but for `GET /open`, have an authorizer with some settings."""
    gateway = empty_cloud.client("apigatewayv2")

    def guarded_by(version="2.0", *, uri=None, **given):
        api = make_api({"GET /open": {}}, variables={"table": "orders"})
        uri = uri or URI.format(guard)
        settings = {"AuthorizerUri": uri, "AuthorizerPayloadFormatVersion": version, "IdentitySource": [], **given}
        made = gateway.create_authorizer(ApiId=api.id, Name="guard", AuthorizerType="REQUEST", **settings)
        target = gateway.get_routes(ApiId=api.id)["Items"][0]["Target"]
        custom = {"AuthorizationType": "CUSTOM", "AuthorizerId": made["AuthorizerId"], "Target": target}
        for key in ("GET /orders/{id}", "GET /other"):
            gateway.create_route(ApiId=api.id, RouteKey=key, **custom)
        return api

    return guarded_by


@pytest.fixture(scope="module")
def simple(guarded_by):
    """An API with simple responses and an identity source."""
    return guarded_by(EnableSimpleResponses=True, IdentitySource=["$request.header.x-user", "$request.querystring.a"])


@pytest.fixture(scope="module")
def by_policy(guarded_by):
    """An API whose authorizer returns policies."""
    return guarded_by("1.0", IdentitySource=["$request.header.x-user"], AuthorizerResultTtlInSeconds=60)


def get(api, answer, path="/orders/o-1?a=1", **headers):
    """Send a request with the answer of the authorizer."""
    return api.send("GET", path, x_answer=json.dumps(answer), **{"x_user": "ada", **headers})


def policy(resource, effect="Allow", action="execute-api:Invoke"):
    """Return the answer of an authorizer."""
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return {"principalId": "ada", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def test_simple_response_allows_or_denies(simple):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.payload-format-response"""
    allowed, denied = get(simple, YES), get(simple, NO)
    assert (allowed.status, denied.status, denied.body) == (200, 403, b'{"message":"Forbidden"}')
    assert simple.send("GET", "/open").status == 200


def test_authorizer_receives_payload_format_2(simple):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.payload-format"""
    event = json.loads(get(simple, YES).body)["requestContext"]["authorizer"]["lambda"]["event"]
    assert (event["version"], event["type"], event["identitySource"]) == ("2.0", "REQUEST", ["ada", "1"])
    assert event["routeArn"].endswith(f":{simple.id}/$default/GET/orders/{{id}}")
    assert "body" not in event


def test_authorizer_receives_payload_format_1(by_policy):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.payload-format"""
    given = json.loads(get(by_policy, policy("*"), x_user="bob").body)["requestContext"]["authorizer"]["lambda"]
    event = given["event"]
    assert (event["version"], event["identitySource"], event["authorizationToken"]) == ("1.0", "bob", "bob")
    assert (event["httpMethod"], event["resource"], event["path"]) == ("GET", "/orders/{id}", "/orders/o-1")
    assert (given["principalId"], event["stageVariables"]) == ("ada", {"table": "orders"})


@pytest.mark.parametrize("missing", [{"x_user": ""}, {"path": "/orders/o-1"}])
def test_missing_identity_source_is_unauthorized(simple, missing):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.identity-sources"""
    response = get(simple, YES, **missing)
    assert (response.status, response.body) == (401, b'{"message":"Unauthorized"}')


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (policy("*"), 200),
        (policy("arn:aws:execute-api:*:*:*/$default/GET/orders/*"), 200),
        (policy("*", action="*"), 200),
        (policy("*", action="s3:GetObject"), 403),
        (policy("arn:aws:execute-api:*:*:*/$default/POST/*"), 403),
        (policy("*", "Deny"), 403),
    ],
)
def test_policy_of_an_authorizer_decides(by_policy, answer, status):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.payload-format-response"""
    assert get(by_policy, answer, x_user=json.dumps(answer)).status == status


@pytest.mark.parametrize("answer", ["raise", None, [], {}, {"isAuthorized": "yes"}])
def test_failed_authorizer_is_an_internal_error(simple, answer):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.troubleshooting"""
    response = get(simple, answer)
    assert (response.status, response.body) == (500, b'{"message":"Internal Server Error"}')


@pytest.mark.parametrize("document", [None, {}, {"Statement": ["Allow"]}, "Allow"])
def test_invalid_policy_is_an_internal_error(by_policy, document):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.troubleshooting"""
    assert get(by_policy, {"policyDocument": document}, x_user=f"of {document}").status == 500


def test_result_is_cached_by_identity_source_for_its_ttl(by_policy, empty_cloud):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.caching"""

    def call(user="eve"):
        found = json.loads(get(by_policy, policy("*/orders/*"), x_user=user).body)
        return found["requestContext"]["authorizer"]["lambda"]["id"]

    first, second, of_other = call(), call(), call("mallory")
    empty_cloud.on_loop(lambda: empty_cloud.scheduler.after(61, lambda: None, "a test"))
    empty_cloud.settle()
    assert (first == second, first == of_other, first == call()) == (True, False, False)


def test_cached_policy_is_evaluated_for_each_route(by_policy):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.caching"""
    answer = policy("*/orders/*")
    statuses = [get(by_policy, answer, path, x_user="kim").status for path in ("/orders/o-1", "/other")]
    assert statuses == [200, 403]


def test_reset_drops_the_cached_results_of_a_stage(by_policy, empty_cloud):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename-cache-authorizers.html"""
    assert get(by_policy, policy("*"), x_user="dan").status == 200
    empty_cloud.client("apigatewayv2").reset_authorizers_cache(ApiId=by_policy.id, StageName="$default")
    assert get(by_policy, policy("*", "Deny"), x_user="dan").status == 403


def test_authorizer_needs_permission_to_invoke_its_function(guarded_by, echo):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.example-create"""
    assert get(guarded_by(uri=URI.format(echo)), YES).status == 500


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"AuthorizerUri": ""}, "AuthorizerUri is required"),
        ({"AuthorizerPayloadFormatVersion": "3.0"}, "must be 1.0 or 2.0"),
        ({"version": "1.0", "EnableSimpleResponses": True}, "EnableSimpleResponses needs"),
        ({"AuthorizerResultTtlInSeconds": 60}, "needs an IdentitySource"),
        ({"AuthorizerResultTtlInSeconds": 3601, "IdentitySource": ["$context.routeKey"]}, "between 0 and 3600"),
    ],
)
def test_invalid_authorizer_is_rejected(guarded_by, given, named):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html"""
    with pytest.raises(ClientError, match=named):
        guarded_by(**given)
