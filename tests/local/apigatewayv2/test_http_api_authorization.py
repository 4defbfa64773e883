"""Authorization and CORS of HTTP APIs."""

import base64
import http.client
import json

import pytest
from joserfc.jwk import OctKey, RSAKey

from millrace.local.services.iam import Iam
from millrace.local.services.lambda_ import Lambda

pytest_plugins = ["http_fixtures"]

IN_2100 = 4_102_444_800
CORS = {"AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET", "POST"], "AllowHeaders": ["authorization"]}


@pytest.fixture
def send_with_token(guarded, issuer):
    """Send a request with a token."""

    def send_with_token(path="/any", *, token=None, **claims):
        return guarded.send("GET", path, authorization=f"Bearer {token or issuer.token(**claims)}")

    return send_with_token


def test_valid_token_is_authorized_and_its_claims_are_strings(guarded, issuer):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""
    token = issuer.token(scope="orders:read", groups=["a", "b"], admin=True)
    jwt = guarded.event("GET", "/orders", authorization=f"Bearer {token}")["requestContext"]["authorizer"]["jwt"]
    assert (jwt["claims"]["sub"], jwt["claims"]["groups"], jwt["claims"]["admin"]) == ("c-1", "[a b]", "true")
    assert jwt["scopes"] == ["orders:read"]


def test_missing_token_is_unauthorized(guarded):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html"""
    response = guarded.send("GET", "/any")
    assert (response.status, response.body) == (401, b'{"message":"Unauthorized"}')
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 1}, "the token has expired"),
        ({"exp": None}, "the token has expired"),
        ({"nbf": IN_2100}, "not valid yet"),
        ({"iat": IN_2100}, "not valid yet"),
        ({"aud": "another"}, "valid audience"),
        ({"aud": None, "client_id": "another"}, "valid audience"),
        ({"iss": "http://127.0.0.1:1"}, "valid issuer"),
        ({"key": RSAKey.generate_key(2048, {"kid": "one"}, private=True)}, "not valid for"),
        ({"key": OctKey.import_key("a secret that anyone can choose"), "algorithm": "HS256"}, "not valid for"),
    ],
)
def test_invalid_token_is_unauthorized(send_with_token, claims, reason):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""
    response = send_with_token(**claims)
    assert response.status == 401
    assert reason in response.headers["www-authenticate"]


def test_malformed_token_is_unauthorized(send_with_token):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html"""
    unknown_key = base64.urlsafe_b64encode('{"alg":"RS256","kid":"☃\\n"}'.encode()).decode().rstrip("=")
    texts = ("not a token", "a.b.c", "e30.e30.", f"{unknown_key}.e30.AAAA")
    assert [send_with_token(token=text).status for text in texts] == [401] * 4


def test_client_id_replaces_missing_audience(send_with_token):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""
    assert send_with_token(aud=None, client_id="shop").status == 200


def test_token_without_scope_of_the_route_is_forbidden(send_with_token):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""
    response = send_with_token("/orders", scope="orders:delete")
    assert (response.status, response.body) == (403, b'{"message":"Forbidden"}')
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


def test_issuer_on_another_machine_is_not_called(make_api, empty_cloud, issuer):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html

    Refused: the local cloud fetches no keys from other machines; the error names the issuer.
    """
    api = make_api({})
    gateway = empty_cloud.client("apigatewayv2")
    jwt = {"Issuer": "https://login.example.com", "Audience": ["shop"]}
    created = gateway.create_authorizer(
        ApiId=api.id, Name="a", AuthorizerType="JWT", IdentitySource=[], JwtConfiguration=jwt
    )
    gateway.create_route(
        ApiId=api.id, RouteKey="$default", AuthorizationType="JWT", AuthorizerId=created["AuthorizerId"], Target="none"
    )
    response = api.send("GET", "/", authorization=issuer.token())
    assert (response.status, "https://login.example.com" in response.headers["www-authenticate"]) == (401, True)


def test_signed_request_is_authorized_with_its_signer(guarded):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html

    Differs: only the access keys of functions and the key `test` are known, not those of IAM users.
    """
    iam = guarded.event("GET", "/signed", **guarded.signed("GET", "/signed"))["requestContext"]["authorizer"]["iam"]
    assert (iam["accessKey"], iam["userArn"]) == ("test", "arn:aws:iam::123456789012:root")


@pytest.mark.parametrize("changed", [{"secret_key": "wrong"}, {"access_key": "AKIAUNKNOWN"}, {"region": "eu-west-1"}])
def test_wrong_signature_is_forbidden(guarded, changed):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html"""
    response = guarded.send("GET", "/signed", **guarded.signed("GET", "/signed", **changed))
    assert (response.status, response.body) == (403, b'{"message":"Forbidden"}')


def test_signature_is_valid_for_its_request_and_five_minutes(guarded):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
    signed = guarded.signed("GET", "/signed")
    other_body = guarded.send("GET", "/signed", b"{}", **signed)
    old = guarded.send("GET", "/signed", **{**signed, "x_amz_date": "20200101T000000Z"})
    assert [other_body.status, old.status, guarded.send("GET", "/signed").status] == [403, 403, 403]


def test_function_needs_permission_to_invoke_an_api(guarded, empty_cloud, echo):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-examples-for-api-execution.html"""
    function = empty_cloud.region.service(Lambda).functions.find(echo)
    known = empty_cloud.on_loop(lambda: empty_cloud.region.service(Iam).access.credentials(function)).values()
    signed = guarded.signed("GET", "/signed", **dict(zip(("access_key", "secret_key", "token"), known, strict=True)))
    denied = guarded.send("GET", "/signed", **signed).status
    allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"arn:aws:execute-api:*:*:{guarded.id}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    empty_cloud.client("iam").put_role_policy(RoleName="echo", PolicyName="invoke", PolicyDocument=document)
    assert [denied, guarded.send("GET", "/signed", **signed).status] == [403, 200]


def test_preflight_request_is_answered_by_the_api(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html"""
    api = make_api({}, CorsConfiguration={**CORS, "MaxAge": 60})
    response = api.send("OPTIONS", "/x", origin="https://shop.example", access_control_request_method="POST")
    names = ("allow-origin", "allow-methods", "max-age")
    values = [response.headers[f"access-control-{name}"] for name in names]
    assert response.status == 204
    assert values == ["https://shop.example", "GET,POST", "60"]


def test_other_origin_receives_no_cors_headers(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html

    Differs: the local cloud also refuses the request, which AWS runs.
    """
    api = make_api({"$default": {}}, CorsConfiguration=CORS)
    allowed, other = (api.send("GET", "/x", origin=f"https://{name}.example") for name in ("shop", "other"))
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://shop.example")
    assert (other.status, "access-control-allow-origin" in other.headers) == (403, False)


@pytest.mark.parametrize("by_path", [True, False])
@pytest.mark.parametrize("sent", [{"origin": "https://shop.example"}, {"sec_fetch_site": "cross-site"}])
def test_api_without_a_cors_configuration_answers_no_page(api, sent, by_path):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html

    Differs: AWS runs the function, and the page cannot read the response.
    """
    assert api.send("GET", "/x", by_path=by_path, **sent).status == 403


@pytest.mark.parametrize(
    ("configured", "origin", "status"),
    [
        ("*", "http://localhost:5173", 200),
        ("http://*", "http://127.0.0.1:5173", 200),
        ("*", "https://shop.example", 403),
        ("*", "null", 403),
        ("https://*", "http://localhost:5173", 403),
    ],
)
def test_wildcard_allows_the_origins_of_this_machine(make_api, configured, origin, status):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html

    Differs: on AWS it allows each origin.
    """
    api = make_api({"$default": {}}, CorsConfiguration={**CORS, "AllowOrigins": [configured]})
    assert api.send("GET", "/x", origin=origin).status == status


def test_cors_configuration_replaces_headers_of_the_function(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html"""
    api = make_api({"$default": {}}, CorsConfiguration=CORS)
    result = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}
    assert "access-control-allow-origin" not in api.send("POST", "/x", {"result": result}).headers


def test_unknown_api_is_not_found(empty_cloud):
    connection = http.client.HTTPConnection("127.0.0.1", empty_cloud.port)
    connection.request("GET", "/", headers={"Host": f"unknown.execute-api.localhost:{empty_cloud.port}"})
    assert connection.getresponse().status == 404
