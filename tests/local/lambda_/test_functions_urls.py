"""Function URLs."""

import http.client
import json
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from millrace.local.services.iam import Iam
from millrace.local.services.lambda_ import Lambda

pytest_plugins = ["http_fixtures"]

EVERYONE = (
    {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE", "StatementId": "url"},
    {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True, "StatementId": "invoke"},
)
CORS = {"AllowOrigins": ["https://shop.example"], "AllowMethods": ["*"], "MaxAge": 60}


class Url:
    """A function URL. `send` uses its host name, or the URL itself with `by_path`."""

    def __init__(self, url):
        self.url, self.port = url, urlsplit(url).port
        self.id = urlsplit(url).path.strip("/").rpartition("/")[2]
        self.host = f"{self.id}.lambda-url.us-east-1.localhost:{self.port}"

    def send(self, method="GET", path="/", body=None, *, by_path=False, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        host = {} if by_path else {"host": self.host}
        body = json.dumps(body) if body is not None else None
        target = urlsplit(self.url).path.rstrip("/") + path if by_path else path
        connection.request(method, target, body, {"content-type": "application/json", **host, **named})
        response = connection.getresponse()
        return SimpleNamespace(status=response.status, headers=response.headers, body=response.read())

    def signed(self, path="/", service="lambda", *, url=None, **credentials):
        """Return the headers of a signed GET; `credentials` are `access_key`, `secret_key` and `token`."""
        signer = Credentials(**{"access_key": "test", "secret_key": "test", **credentials})
        request = AWSRequest(
            "GET", url or f"http://{self.host}{path}", {"host": urlsplit(url).netloc if url else self.host}
        )
        SigV4Auth(signer, service, "us-east-1").add_auth(request)
        return {name.lower().replace("-", "_"): value for name, value in request.headers.items()}


@pytest.fixture(scope="module")
def functions(empty_cloud, echo):
    return empty_cloud.client("lambda")


@pytest.fixture
def create(functions):
    """Create the URL of the echo function, which everyone may call; delete both after the test."""

    def create(auth_type="NONE", permissions=EVERYONE, **given):
        for permission in permissions:
            functions.add_permission(FunctionName="echo", Principal="*", **permission)
        return Url(
            functions.create_function_url_config(FunctionName="echo", AuthType=auth_type, **given)["FunctionUrl"]
        )

    yield create
    for config in functions.list_function_url_configs(FunctionName="echo")["FunctionUrlConfigs"]:
        functions.delete_function_url_config(FunctionName=config["FunctionArn"])
    for permission in EVERYONE:
        try:
            functions.remove_permission(FunctionName="echo", StatementId=permission["StatementId"])
        except functions.exceptions.ResourceNotFoundException:
            continue


@pytest.mark.parametrize("by_path", [False, True])
def test_function_receives_the_request_as_payload_format_2(create, by_path):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload

    Differs: the URL is http://127.0.0.1:PORT/_aws/lambda-url/{id}/, or http://{id}.lambda-url.{region}.localhost:PORT/.
    """
    url = create()
    event = json.loads(url.send("POST", "/my/path?a=1&a=2", {"n": 1}, by_path=by_path, cookie="c=1").body)
    assert (event["version"], event["rawPath"], event["queryStringParameters"]) == ("2.0", "/my/path", {"a": "1,2"})
    assert (event["body"], event["cookies"]) == ('{"n": 1}', ["c=1"])
    context = event["requestContext"]
    assert (context["apiId"], context["routeKey"], context["stage"]) == (url.id, "$default", "$default")


def test_response_has_status_headers_and_cookies_of_the_function(create):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload"""
    url = create()
    result = {"statusCode": 201, "headers": {"X-A": "1"}, "body": "made", "cookies": ["c=1"]}
    response = url.send("POST", "/", {"result": result})
    assert (response.status, response.body, response.headers["x-a"]) == (201, b"made", "1")
    assert response.headers["set-cookie"] == "c=1"
    plain = url.send("POST", "/", {"result": {"message": "hi"}})
    assert (plain.status, json.loads(plain.body)) == (200, {"message": "hi"})


def test_failed_function_is_a_bad_gateway(create):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html"""
    url = create()
    assert [url.send("POST", "/", body).status for body in ({"raise": "no"}, {"result": {"statusCode": "x"}})] == [
        502
    ] * 2


def test_throttled_function_answers_429(create, functions):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-throttling"""
    url = create()
    functions.put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
    status = url.send().status
    functions.delete_function_concurrency(FunctionName="echo")
    assert status == 429


@pytest.mark.parametrize("permissions", [(), EVERYONE[:1], EVERYONE[1:]])
def test_public_url_needs_both_permissions_in_the_functions_policy(create, permissions):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html#urls-auth-none"""
    response = create(permissions=permissions).send()
    assert (response.status, response.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert json.loads(response.body)["Message"].startswith("Forbidden. For troubleshooting")


def test_permission_for_public_urls_does_not_allow_signed_ones(create):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html#urls-auth-none"""
    url = create("AWS_IAM")
    assert [url.send().status, url.send(**url.signed()).status] == [403, 200]


def test_signed_request_carries_its_signer(create):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html#urls-auth-iam"""
    url = create("AWS_IAM", permissions=())
    event = json.loads(url.send(path="/a", **url.signed("/a")).body)
    assert event["requestContext"]["authorizer"]["iam"]["userArn"] == "arn:aws:iam::123456789012:root"
    assert url.send(by_path=True, **url.signed(url=url.url)).status == 200
    wrong = [url.signed(secret_key="no"), url.signed("/b"), url.signed(service="execute-api")]
    assert [url.send(**headers).status for headers in wrong] == [403, 403, 403]


def test_role_needs_permission_to_call_a_signed_url(create, empty_cloud):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html#urls-auth-iam"""
    url = create("AWS_IAM", permissions=())
    function = empty_cloud.region.service(Lambda).functions.find("echo")
    known = empty_cloud.on_loop(lambda: empty_cloud.region.service(Iam).access.credentials(function)).values()
    signed = url.signed(**dict(zip(("access_key", "secret_key", "token"), known, strict=True)))
    denied = url.send(**signed).status
    allow = {"Effect": "Allow", "Action": ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    empty_cloud.client("iam").put_role_policy(RoleName="echo", PolicyName="url", PolicyDocument=document)
    assert [denied, url.send(**signed).status] == [403, 200]


def test_cors_configuration_answers_preflight_requests_and_replaces_headers(create):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors"""
    url = create(Cors=CORS)
    preflight = url.send("OPTIONS", origin="https://shop.example", access_control_request_method="POST")
    assert (preflight.status, preflight.headers["access-control-max-age"]) == (204, "60")
    own = {"result": {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}}
    response = url.send("POST", "/", own, origin="https://shop.example")
    assert response.headers["access-control-allow-origin"] == "https://shop.example"


def test_page_of_another_origin_is_refused(create):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors

    Differs: AWS runs the function, and the page cannot read the response.
    """
    assert create(Cors=CORS).send(origin="https://other.example").status == 403


def test_unknown_url_is_forbidden(create):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html"""
    url = create()
    url.host = f"{'0' * 32}.lambda-url.us-east-1.localhost:{url.port}"
    assert url.send().status == 403


def test_alias_has_its_own_url(create, functions):
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html"""
    version = functions.publish_version(FunctionName="echo")["Version"]
    alias = functions.create_alias(FunctionName="echo", Name="live", FunctionVersion=version)["AliasArn"]
    for permission in EVERYONE:
        named = {**permission, "StatementId": f"{permission['StatementId']}-live"}
        functions.add_permission(FunctionName="echo", Qualifier="live", Principal="*", **named)
    plain, of_alias = create(), create(permissions=(), Qualifier="live")
    found = functions.list_function_url_configs(FunctionName="echo")["FunctionUrlConfigs"]
    assert [config["FunctionUrl"] for config in found] == [plain.url, of_alias.url]
    assert functions.get_function_url_config(FunctionName=alias)["FunctionArn"] == alias
    assert of_alias.send().status == 200


def test_configuration_is_updated_and_deleted(create, functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionUrlConfig.html"""
    url = create(Cors=CORS)
    changed = functions.update_function_url_config(FunctionName="echo", AuthType="AWS_IAM")
    assert (changed["FunctionUrl"], changed["AuthType"], changed["Cors"]) == (url.url, "AWS_IAM", CORS)
    assert url.send().status == 403
    functions.delete_function_url_config(FunctionName="echo")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        functions.get_function_url_config(FunctionName="echo")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"AuthType": "OPEN"}, "ValidationException"),
        ({"AuthType": "NONE", "InvokeMode": "STREAM"}, "ValidationException"),
        ({"AuthType": "NONE", "Cors": {"MaxAge": 86401}}, "ValidationException"),
        ({"AuthType": "NONE", "Qualifier": "none"}, "ResourceNotFoundException"),
        ({"AuthType": "NONE", "FunctionName": "none"}, "ResourceNotFoundException"),
        ({"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}, "NotImplemented"),
    ],
)
def test_invalid_configuration_is_rejected(functions, given, code):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html

    Refused: the InvokeMode RESPONSE_STREAM.
    """
    with pytest.raises(ClientError, match=code):
        functions.create_function_url_config(**{"FunctionName": "echo", **given})


def test_function_has_one_url(create, functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html"""
    create()
    with pytest.raises(ClientError, match="ResourceConflictException"):
        functions.create_function_url_config(FunctionName="echo", AuthType="NONE")
