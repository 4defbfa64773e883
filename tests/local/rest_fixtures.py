"""Fixtures for the tests of REST APIs: APIs of an echo function, with a function for authorizers."""

import io
import json
import zipfile
from types import SimpleNamespace

import pytest
from http_kit import HttpApi

pytest_plugins = ["http_fixtures"]

GUARD = """
import json

def handler(event, context):
    answer = json.loads(event.get("authorizationToken") or event["headers"]["x-answer"])
    if isinstance(answer, str):
        raise Exception(answer)
    answer.setdefault("context", {"id": context.aws_request_id, "number": 1, "type": event["type"]})
    return answer
"""
FUNCTION = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations"


class RestApi(HttpApi):
    """A REST API with the stage `prod`."""

    def call(self, path, answer=None, method="GET", **headers):
        """Send a request whose authorizer returns `answer`; return the status and the parsed body."""
        given = {} if answer is None else {"authorization": json.dumps(answer), "x_answer": json.dumps(answer)}
        response = self.send(method, f"/prod{path}", **given, **headers)
        return response.status, json.loads(response.body)


@pytest.fixture(scope="module")
def functions(empty_cloud, echo):
    """The functions `echo` and `guard`, which API Gateway may invoke."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", GUARD)
    client = empty_cloud.client("lambda")
    role = client.get_function(FunctionName="echo")["Configuration"]["Role"]
    code = {"ZipFile": packed.getvalue()}
    made = client.create_function(
        FunctionName="guard", Runtime="python3.13", Role=role, Handler="app.handler", Code=code
    )
    allow = {"StatementId": "rest", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
    for name in ("echo", "guard"):
        client.add_permission(FunctionName=name, **allow)
    return SimpleNamespace(echo=FUNCTION.format(echo), guard=FUNCTION.format(made["FunctionArn"]))


@pytest.fixture(scope="module")
def make(empty_cloud, functions):
    """Create a REST API whose paths have methods with some settings."""
    gateway = empty_cloud.client("apigateway")

    def make(paths, authorizer=None, **settings):
        api = gateway.create_rest_api(name="api", **settings)["id"]
        root = gateway.get_resources(restApiId=api)["items"][0]["id"]
        if authorizer:
            given = {"name": "guard", "authorizerUri": functions.guard, **authorizer}
            custom = {
                "authorizationType": "CUSTOM",
                "authorizerId": gateway.create_authorizer(restApiId=api, **given)["id"],
            }
        for path, given in paths.items():
            resource = gateway.create_resource(restApiId=api, parentId=root, pathPart=path)["id"]
            method = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
            chosen = {"authorizationType": "NONE", **(custom if authorizer else {}), **given}
            gateway.put_method(**method, **chosen)
            gateway.put_integration(**method, type="AWS_PROXY", uri=functions.echo, integrationHttpMethod="POST")
        gateway.create_deployment(restApiId=api, stageName="prod")
        return RestApi(empty_cloud, api)

    return make
