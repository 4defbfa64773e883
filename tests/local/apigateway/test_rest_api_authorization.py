"""Authorization and API keys of REST APIs."""

import json

import pytest
from botocore.exceptions import ClientError

from millrace.local.services.iam import Iam
from millrace.local.services.lambda_ import Lambda

pytest_plugins = ["rest_fixtures"]


@pytest.fixture(scope="module")
def by_token(make):
    source = "method.request.header.Authorization"
    return make(
        {"orders": {}, "other": {}}, {"type": "TOKEN", "identitySource": source, "authorizerResultTtlInSeconds": 60}
    )


def policy(resource, effect="Allow", action="execute-api:Invoke", **more):
    """Return the answer of an authorizer."""
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return {"principalId": "ada", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, **more}


def test_context_of_an_authorizer_has_strings(by_token):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html"""
    status, event = by_token.call("/orders", policy("*"))
    given = event["requestContext"]["authorizer"]
    assert (status, given["principalId"], given["number"], given["type"]) == (200, "ada", "1", "TOKEN")


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (policy("*", "Deny"), 403, "User is not authorized to access this resource with an explicit deny"),
        (policy("*/other"), 403, "User is not authorized to access this resource"),
        (policy("*", action="s3:*"), 403, "User is not authorized to access this resource"),
        ("Unauthorized", 401, "Unauthorized"),
        ("broken", 500, "Internal server error"),
        ({"principalId": "ada"}, 500, "Internal server error"),
        ({**policy("*"), "policyDocument": {"Statement": ["Allow"]}}, 500, "Internal server error"),
        (policy("*", context={"roles": ["admin"]}), 500, "Internal server error"),
    ],
)
def test_answer_of_an_authorizer_decides(by_token, answer, status, message):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html"""
    found, body = by_token.call("/orders", answer)
    assert (found, {name.lower(): text for name, text in body.items()}) == (status, {"message": message})


def test_policy_is_cached_by_token_for_its_ttl(by_token, empty_cloud):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/configure-api-gateway-lambda-authorization.html"""

    def call():
        return by_token.call("/orders", policy("*", principalId="eve"))[1]["requestContext"]["authorizer"]["id"]

    first, second = call(), call()
    empty_cloud.on_loop(lambda: empty_cloud.scheduler.after(61, lambda: None, "a test"))
    empty_cloud.settle()
    assert (first == second, first == call()) == (True, False)


def test_cached_policy_is_evaluated_for_each_method(by_token):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/configure-api-gateway-lambda-authorization.html"""
    answer = policy("*/GET/orders")
    assert [by_token.call(path, answer)[0] for path in ("/orders", "/other")] == [200, 403]


def test_token_must_match_the_validation_expression(make):
    """https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html#apigw-CreateAuthorizer-request-identityValidationExpression"""
    settings = {"type": "TOKEN", "identitySource": "method.request.header.Authorization"}
    api = make({"orders": {}}, {**settings, "identityValidationExpression": '.*"ada".*'})
    assert [api.call("/orders", policy("*", principalId=name))[0] for name in ("ada", "bob")] == [200, 401]


def test_request_authorizer_needs_all_identity_sources(make):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/configure-api-gateway-lambda-authorization.html"""
    sources = "method.request.header.x-answer, method.request.querystring.user, context.identity.sourceIp"
    api = make({"orders": {}}, {"type": "REQUEST", "identitySource": sources})
    status, event = api.call("/orders?user=ada", policy("*"))
    assert (status, event["requestContext"]["authorizer"]["type"]) == (200, "REQUEST")
    assert api.call("/orders", policy("*")) == (401, {"message": "Unauthorized"})


def test_authorizer_can_return_the_api_key(make, empty_cloud):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-key-source.html"""
    settings = {"type": "TOKEN", "identitySource": "method.request.header.Authorization"}
    api = make({"orders": {"apiKeyRequired": True}}, settings, apiKeySource="AUTHORIZER")
    gateway, value = empty_cloud.client("apigateway"), "the-key-of-the-authorizer"
    plan = gateway.create_usage_plan(name="plan", apiStages=[{"apiId": api.id, "stage": "prod"}])["id"]
    key = gateway.create_api_key(name="key", value=value, enabled=True)["id"]
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    answers = [policy("*", usageIdentifierKey=given) for given in (value, "another-key-of-its-own")]
    assert [api.call("/orders", answer)[0] for answer in answers] == [200, 403]


def test_role_may_invoke_the_methods_that_its_policy_names(make, empty_cloud):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-examples-for-api-execution.html"""
    api = make({"orders": {"authorizationType": "AWS_IAM"}, "other": {"authorizationType": "AWS_IAM"}})
    function = empty_cloud.region.service(Lambda).functions.find("echo")
    known = empty_cloud.on_loop(lambda: empty_cloud.region.service(Iam).access.credentials(function)).values()
    keys = dict(zip(("access_key", "secret_key", "token"), known, strict=True))
    resource = f"arn:aws:execute-api:us-east-1:123456789012:{api.id}/prod/GET/orders"
    allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    empty_cloud.client("iam").put_role_policy(RoleName="echo", PolicyName="rest", PolicyDocument=document)
    signed = [(path, api.signed("GET", f"/prod{path}", **keys)) for path in ("/orders", "/other")]
    assert [api.send("GET", f"/prod{path}", **headers).status for path, headers in signed] == [200, 403]


def test_flush_drops_the_cached_policies_of_a_stage(by_token, empty_cloud):
    """https://docs.aws.amazon.com/apigateway/latest/api/API_FlushStageAuthorizersCache.html"""

    def call():
        return by_token.call("/orders", policy("*", principalId="dan"))[1]["requestContext"]["authorizer"]["id"]

    first = call()
    empty_cloud.client("apigateway").flush_stage_authorizers_cache(restApiId=by_token.id, stageName="prod")
    assert first != call()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"type": "HTTP_PROXY", "uri": "https://example.com"}, "Type 'HTTP_PROXY'"),
        ({"type": "AWS", "uri": "arn:aws:apigateway:us-east-1:translate:action/b"}, "the local cloud integrates"),
    ],
)
def test_unsupported_part_of_a_rest_api_is_refused(by_token, empty_cloud, given, named):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-integration-types.html

    Refused: HTTP integrations, and services without a part in a flow.
    """
    gateway = empty_cloud.client("apigateway")
    resources = gateway.get_resources(restApiId=by_token.id)["items"]
    (resource,) = (each["id"] for each in resources if each["path"] == "/other")
    with pytest.raises(ClientError, match=named):
        gateway.put_integration(restApiId=by_token.id, resourceId=resource, httpMethod="GET", **given)


@pytest.mark.parametrize(
    ("statements", "statuses"),
    [
        ([("Allow", "execute-api:/*/GET/orders", {})], [200, 403]),
        ([("Allow", "execute-api:/*", {}), ("Deny", "execute-api:/prod/GET/other", {})], [200, 403]),
        ([("Allow", "*", {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], [403, 403]),
    ],
)
def test_resource_policy_of_an_api_decides(make, statements, statuses):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html"""
    action = {"Principal": "*", "Action": "execute-api:Invoke"}
    listed = [{**action, "Effect": effect, "Resource": on, "Condition": when} for effect, on, when in statements]
    api = make({"orders": {}, "other": {}}, policy=json.dumps({"Version": "2012-10-17", "Statement": listed}))
    assert [api.call(path)[0] for path in ("/orders", "/other")] == statuses
