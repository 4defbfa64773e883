"""HTTP APIs: who may send what: tokens, signatures, origins."""

import http.client
import json

import pytest
from joserfc.jwk import OctKey, RSAKey

pytest_plugins = ["http_fixtures"]

IN_2100 = 4_102_444_800
CORS = {"AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET", "POST"], "AllowHeaders": ["authorization"]}


@pytest.fixture
def sent(guarded, issuer):
    """Ask with a token; `path` is what is asked for."""

    def sent(path="/any", *, token=None, **claims):
        return guarded.ask("GET", path, authorization=f"Bearer {token or issuer.token(**claims)}")

    return sent


def test_a_good_token_is_let_in_and_its_claims_are_told_as_texts(guarded, issuer):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""
    token = issuer.token(scope="orders:read", groups=["a", "b"], admin=True)
    told = guarded.event("GET", "/orders", authorization=f"Bearer {token}")["requestContext"]["authorizer"]["jwt"]
    assert (told["claims"]["sub"], told["claims"]["groups"], told["claims"]["admin"]) == ("c-1", "[a b]", "true")
    assert told["scopes"] == ["orders:read"]


def test_a_request_without_a_token_is_unauthorized(guarded):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html"""
    answer = guarded.ask("GET", "/any")
    assert (answer.status, answer.body) == (401, b'{"message":"Unauthorized"}')
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": 1}, "the token has expired"),
        ({"exp": None}, "the token has expired"),
        ({"nbf": IN_2100}, "not valid yet"),
        ({"iat": IN_2100}, "not valid yet"),
        ({"aud": "another"}, "valid audience"),
        ({"aud": None, "client_id": "another"}, "valid audience"),
        ({"iss": "http://127.0.0.1:1"}, "valid issuer"),
        ({"key": RSAKey.generate_key(2048, {"kid": "one"}, private=True)}, "not one of"),
        ({"key": OctKey.import_key("a secret that anybody may choose"), "algorithm": "HS256"}, "not one of"),
    ],
)
def test_a_forged_or_expired_token_or_one_for_another_is_unauthorized(sent, claims, why):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""
    answer = sent(**claims)
    assert answer.status == 401
    assert why in answer.headers["www-authenticate"]


def test_a_token_that_is_none_is_unauthorized(sent):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html"""
    assert [sent(token=text).status for text in ("no token", "a.b.c", "e30.e30.")] == [401, 401, 401]


def test_a_client_id_stands_in_for_a_missing_audience(sent):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""
    assert sent(aud=None, client_id="shop").status == 200


def test_a_token_without_a_scope_of_the_route_is_forbidden(sent):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""
    answer = sent("/orders", scope="orders:delete")
    assert (answer.status, answer.body) == (403, b'{"message":"Forbidden"}')
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_an_issuer_that_is_not_on_this_machine_is_refused_by_name(make_api, empty_cloud, issuer):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html

    Refused: the local cloud fetches no keys from other machines; a token is then unauthorized, with the issuer named.
    """
    api = make_api({})
    gateway = empty_cloud.client("apigatewayv2")
    jwt = {"Issuer": "https://login.example.com", "Audience": ["shop"]}
    made = gateway.create_authorizer(
        ApiId=api.id, Name="a", AuthorizerType="JWT", IdentitySource=[], JwtConfiguration=jwt
    )
    gateway.create_route(
        ApiId=api.id, RouteKey="$default", AuthorizationType="JWT", AuthorizerId=made["AuthorizerId"], Target="none"
    )
    answer = api.ask("GET", "/", authorization=issuer.token())
    assert (answer.status, "https://login.example.com" in answer.headers["www-authenticate"]) == (401, True)


def test_a_signed_request_is_let_in_and_its_signer_is_told(guarded):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html

    Differs: the access keys of functions and the developer's own, `test`, are known, those of IAM users are not.
    """
    told = guarded.event("GET", "/signed", **guarded.signed("GET", "/signed"))["requestContext"]["authorizer"]["iam"]
    assert (told["accessKey"], told["userArn"]) == ("test", "arn:aws:iam::123456789012:root")


@pytest.mark.parametrize("changed", [{"secret_key": "wrong"}, {"access_key": "AKIAUNKNOWN"}, {"region": "eu-west-1"}])
def test_a_request_that_is_signed_wrongly_is_forbidden(guarded, changed):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html"""
    answer = guarded.ask("GET", "/signed", **guarded.signed("GET", "/signed", **changed))
    assert (answer.status, answer.body) == (403, b'{"message":"Forbidden"}')


def test_a_signature_is_good_for_its_request_and_for_five_minutes(guarded):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
    signed = guarded.signed("GET", "/signed")
    other_body = guarded.ask("GET", "/signed", b"{}", **signed)
    old = guarded.ask("GET", "/signed", **{**signed, "x_amz_date": "20200101T000000Z"})
    assert [other_body.status, old.status, guarded.ask("GET", "/signed").status] == [403, 403, 403]


def test_a_function_needs_the_permission_to_invoke_an_api(guarded, empty_cloud, echo):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-examples-for-api-execution.html"""
    function = empty_cloud.plane.functions.find(echo)
    known = empty_cloud.on_plane(lambda: empty_cloud.plane.access.credentials(function)).values()
    signed = guarded.signed("GET", "/signed", **dict(zip(("access_key", "secret_key", "token"), known, strict=True)))
    denied = guarded.ask("GET", "/signed", **signed).status
    allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"arn:aws:execute-api:*:*:{guarded.id}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    empty_cloud.client("iam").put_role_policy(RoleName="echo", PolicyName="invoke", PolicyDocument=document)
    assert [denied, guarded.ask("GET", "/signed", **signed).status] == [403, 200]


def test_a_preflight_request_is_answered_by_the_api_itself(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html"""
    api = make_api({}, CorsConfiguration={**CORS, "MaxAge": 60})
    answer = api.ask("OPTIONS", "/x", origin="https://shop.example", access_control_request_method="POST")
    told = {name: answer.headers[f"access-control-{name}"] for name in ("allow-origin", "allow-methods", "max-age")}
    assert answer.status == 204
    assert told == {"allow-origin": "https://shop.example", "allow-methods": "GET,POST", "max-age": "60"}


def test_an_origin_that_is_not_allowed_gets_no_header(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html

    Differs: the local cloud also refuses the request, which AWS runs.
    """
    api = make_api({"$default": {}}, CorsConfiguration=CORS)
    allowed, other = (api.ask("GET", "/x", origin=f"https://{name}.example") for name in ("shop", "other"))
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://shop.example")
    assert (other.status, "access-control-allow-origin" in other.headers) == (403, False)


@pytest.mark.parametrize("by_path", [True, False])
@pytest.mark.parametrize("sent", [{"origin": "https://shop.example"}, {"sec_fetch_site": "cross-site"}])
def test_an_api_without_a_cors_configuration_answers_no_page(api, sent, by_path):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html

    Differs: AWS runs the function, and the page cannot read the response.
    """
    assert api.ask("GET", "/x", by_path=by_path, **sent).status == 403


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
def test_a_wildcard_allows_the_origins_of_this_machine(make_api, configured, origin, status):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html

    Differs: on AWS it allows each origin.
    """
    api = make_api({"$default": {}}, CorsConfiguration={**CORS, "AllowOrigins": [configured]})
    assert api.ask("GET", "/x", origin=origin).status == status


def test_the_headers_of_a_function_count_for_nothing_where_origins_are_configured(make_api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html"""
    api = make_api({"$default": {}}, CorsConfiguration=CORS)
    result = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}
    assert "access-control-allow-origin" not in api.ask("POST", "/x", {"result": result}).headers


def test_an_api_that_is_not_there_is_not_found(empty_cloud):
    connection = http.client.HTTPConnection("127.0.0.1", empty_cloud.port)
    connection.request("GET", "/", headers={"Host": f"nobody.execute-api.localhost:{empty_cloud.port}"})
    assert connection.getresponse().status == 404
