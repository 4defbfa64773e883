"""Fixtures for the tests of API Gateway: APIs of an echo function."""

import io
import zipfile

import pytest
from http_kit import ECHO, HttpApi, Issuer

ROUTES = (
    "$default",
    "GET /orders/{id}",
    "GET /orders/new",
    "ANY /orders/{id}",
    "GET /files/{path+}",
    "GET /files/list",
)


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture(scope="module")
def echo(empty_cloud):
    """Create a function that returns its event or obeys the request body; return its ARN."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", ECHO)
    role = empty_cloud.client("iam").create_role(RoleName="echo", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions = empty_cloud.client("lambda")
    created = functions.create_function(
        FunctionName="echo",
        Runtime="python3.13",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=30,
    )
    yield created["FunctionArn"]
    empty_cloud.reset()


@pytest.fixture(scope="module")
def make_api(empty_cloud, echo):
    """Create an API of the echo function, with the properties of its routes by key."""
    gateway, functions = empty_cloud.client("apigatewayv2"), empty_cloud.client("lambda")

    def make(routes, *, stages=("$default",), permitted=True, seconds=30, variables=None, **settings):
        api = gateway.create_api(Name="api", ProtocolType="HTTP", **settings)["ApiId"]
        integration = gateway.create_integration(
            ApiId=api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=echo,
            PayloadFormatVersion="2.0",
            TimeoutInMillis=int(seconds * 1000),
        )["IntegrationId"]
        for key, properties in dict(routes).items():
            gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}", **properties)
        for stage in stages:
            gateway.create_stage(ApiId=api, StageName=stage, StageVariables=variables or {})
        if permitted:
            functions.add_permission(
                FunctionName=echo,
                StatementId=api,
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
                SourceArn=f"arn:aws:execute-api:us-east-1:123456789012:{api}/*/*",
            )
        return HttpApi(empty_cloud, api)

    return make


@pytest.fixture(scope="module")
def api(make_api):
    return make_api({key: {} for key in ROUTES}, stages=("$default", "beta"), variables={"table": "orders"})


@pytest.fixture(scope="module")
def guarded(make_api, empty_cloud, issuer):
    """Create an API: /any requires a token, /orders a token with a scope, /signed a signature."""
    scoped = {"AuthorizationScopes": ["orders:read", "orders:write"]}
    api = make_api({"GET /signed": {"AuthorizationType": "AWS_IAM"}})
    gateway = empty_cloud.client("apigatewayv2")
    jwt = {
        "AuthorizationType": "JWT",
        "AuthorizerId": gateway.create_authorizer(
            ApiId=api.id,
            Name="issuer",
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Issuer": issuer.url, "Audience": ["shop"]},
        )["AuthorizerId"],
    }
    target = gateway.get_routes(ApiId=api.id)["Items"][0]["Target"]
    for key, properties in {"GET /any": {}, "GET /orders": scoped}.items():
        gateway.create_route(ApiId=api.id, RouteKey=key, Target=target, **jwt, **properties)
    return api
