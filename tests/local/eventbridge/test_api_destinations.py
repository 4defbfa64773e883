"""API destinations and their connections."""

import base64
import json
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest
from bus_kit import attributes

from millrace.local.services.eventbridge import EventBridge

pytest_plugins = ["bus_fixtures"]


def test_request_has_eventbridge_headers(send, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html"""
    target = endpoint()
    rule(target.arn)
    send({"n": 1})
    (request,) = target.requests
    assert request.method == "POST"
    assert json.loads(request.body)["detail"] == {"n": 1}
    assert request.headers["User-Agent"] == "Amazon/EventBridge/ApiDestinations"
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert request.headers["Range"] == "bytes=0-1048575"


def test_api_key_is_sent_in_its_header(send, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html"""
    target = endpoint(kind="API_KEY", auth={"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}})
    rule(target.arn)
    send({})
    assert target.requests[0].headers["X-Key"] == "secret"


def test_basic_credentials_are_sent_in_authorization_header(send, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html"""
    target = endpoint(kind="BASIC", auth={"BasicAuthParameters": {"Username": "ann", "Password": "pw"}})
    rule(target.arn)
    send({})
    assert target.requests[0].headers["Authorization"] == "Basic " + base64.b64encode(b"ann:pw").decode()


def oauth(target_url):
    return {
        "OAuthParameters": {
            "ClientParameters": {"ClientID": "me", "ClientSecret": "secret"},
            "AuthorizationEndpoint": f"{target_url}/token",
            "HttpMethod": "POST",
            "OAuthHttpParameters": {"BodyParameters": [{"Key": "grant_type", "Value": "client_credentials"}]},
        }
    }


def test_oauth_token_is_fetched_once_and_sent(send, rule, endpoint, server):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html"""
    site = server({"/token": [(HTTPStatus.OK, {"access_token": "t1", "token_type": "Bearer"})]})
    target = endpoint(kind="OAUTH_CLIENT_CREDENTIALS", auth=oauth(site.url), site=site)
    rule(target.arn)
    send({"n": 1}), send({"n": 2})
    token_requests = [request for request in site.requests if request.path == "/token"]
    assert [parse_qs(request.body) for request in token_requests] == [
        {"client_id": ["me"], "client_secret": ["secret"], "grant_type": ["client_credentials"]}
    ]
    assert [r.headers["Authorization"] for r in site.requests if r.path != "/token"] == ["Bearer t1", "Bearer t1"]


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED])
def test_rejected_oauth_token_is_replaced_for_the_retry(send, rule, endpoint, server, status):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html"""
    tokens = [(HTTPStatus.OK, {"access_token": name}) for name in ("old", "new")]
    site = server({"/token": tokens, "/hook": [(status, {}), (HTTPStatus.OK, {})]})
    target = endpoint(kind="OAUTH_CLIENT_CREDENTIALS", auth=oauth(site.url), site=site)
    rule(target.arn)
    send({})
    assert [r.headers["Authorization"] for r in site.requests if r.path == "/hook"] == ["Bearer old", "Bearer new"]


def test_connection_parameters_override_target_parameters(send, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_HttpParameters.html"""
    invocation_parameters = {
        "HeaderParameters": [{"Key": "X-Both", "Value": "connection"}],
        "QueryStringParameters": [{"Key": "q", "Value": "connection"}],
        "BodyParameters": [{"Key": "added", "Value": "connection"}],
    }
    key = {
        "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"},
        "InvocationHttpParameters": invocation_parameters,
    }
    target = endpoint(auth=key)
    given = {
        "HeaderParameters": {"X-Both": "target", "X-Own": "target"},
        "QueryStringParameters": {"q": "t", "own": "t"},
    }
    rule(target.arn, HttpParameters=given, InputPath="$.detail")
    send({"n": 1})
    (request,) = target.requests
    assert (request.headers["X-Both"], request.headers["X-Own"]) == ("connection", "target")
    assert parse_qs(urlsplit(request.target).query) == {"q": ["connection"], "own": ["t"]}
    assert json.loads(request.body) == {"n": 1, "added": "connection"}


def test_path_parameters_replace_wildcards_and_can_be_json_paths(send, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#dynamic-path-parameters"""
    target = endpoint(path="/orders/*/items/*")
    given = {"PathParameterValues": ["$.detail.order", "7"], "HeaderParameters": {"X-Id": "$.id"}}
    rule(target.arn, HttpParameters=given, Input='{"another": "input"}')
    event_id = send({"order": "a/b"})["Entries"][0]["EventId"]
    (request,) = target.requests
    assert request.target == "/orders/a%2Fb/items/7"
    assert request.headers["X-Id"] == event_id


@pytest.mark.parametrize(
    "status", [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY]
)
def test_status_429_and_5xx_are_retried(send, queue, rule, endpoint, server, status):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html"""
    dead = queue("dead")
    site = server({"/hook": [(status, {}), (HTTPStatus.OK, {})]})
    rule(endpoint(site=site).arn, DeadLetterConfig={"Arn": dead.arn})
    send({})
    assert len(site.requests) == 2
    assert dead.messages() == []


@pytest.mark.parametrize(
    "status", [HTTPStatus.FOUND, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND]
)
def test_other_statuses_are_not_retried(send, queue, rule, endpoint, status):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html"""
    dead = queue("dead")
    target = endpoint(status)
    rule(target.arn, DeadLetterConfig={"Arn": dead.arn})
    send({})
    assert len(target.requests) == 1
    assert attributes(dead.messages()[0])["ERROR_CODE"] == "SDK_CLIENT_ERROR"


@pytest.mark.parametrize("name", ["a\r\nX-Admin: 1", "\u2603"])
def test_event_that_http_cannot_carry_in_a_header_becomes_a_dead_letter(send, queue, rule, endpoint, name):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html"""
    dead, target = queue("dead"), endpoint()
    given = {"HeaderParameters": {"X-Name": "$.detail.name"}}
    rule(target.arn, HttpParameters=given, DeadLetterConfig={"Arn": dead.arn})
    send({"name": name})
    assert target.requests == []
    assert attributes(dead.messages()[0])["ERROR_CODE"] == "SDK_CLIENT_ERROR"


@pytest.mark.parametrize("seconds", ["soon", {"in": 60}])
def test_token_with_an_invalid_lifetime_fails_the_delivery(send, queue, rule, endpoint, server, seconds):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html"""
    dead, site = queue("dead"), server({"/token": [(HTTPStatus.OK, {"access_token": "t", "expires_in": seconds})]})
    target = endpoint(kind="OAUTH_CLIENT_CREDENTIALS", auth=oauth(site.url), site=site)
    rule(target.arn, DeadLetterConfig={"Arn": dead.arn}, RetryPolicy={"MaximumRetryAttempts": 0})
    send({})
    assert "without a valid access_token" in attributes(dead.messages()[0])["ERROR_MESSAGE"]


def test_retry_after_extends_the_backoff(local, send, rule, endpoint, server):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html"""
    site = server({"/hook": [(HTTPStatus.TOO_MANY_REQUESTS, {}, {"Retry-After": "600"}), (HTTPStatus.OK, {})]})
    rule(endpoint(site=site).arn)
    began = local.scheduler.clock.now()
    send({})
    assert local.scheduler.clock.now() - began >= 600


def test_negative_retry_after_ends_retries(send, rule, endpoint, server):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html"""
    site = server({"/hook": [(HTTPStatus.SERVICE_UNAVAILABLE, {}, {"Retry-After": "-1"})]})
    rule(endpoint(site=site).arn)
    send({})
    assert len(site.requests) == 1


def test_calls_do_not_exceed_invocation_rate(send, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateApiDestination.html"""
    target = endpoint(rate=2)
    rule(target.arn)
    send(*[{"n": n} for n in range(6)])
    moments = sorted(request.at for request in target.requests)
    assert len(moments) == 6
    assert all(later - earlier >= 0.9 for earlier, later in zip(moments, moments[2:], strict=False))


def test_timeout_is_retried(local, monkeypatch, send, queue, rule, endpoint, server):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html"""
    assert local.region.service(EventBridge).buses.api_destinations.timeout == 5
    monkeypatch.setattr(local.region.service(EventBridge).buses.api_destinations, "timeout", 0.2)
    dead = queue("dead")
    site = server({"/hook": [None]})
    rule(endpoint(site=site).arn, RetryPolicy={"MaximumRetryAttempts": 1}, DeadLetterConfig={"Arn": dead.arn})
    send({})
    details = attributes(dead.messages()[0])
    assert (details["ERROR_CODE"], details["RETRY_ATTEMPTS"]) == ("TIMEOUT", "1")


def test_connection_failure_is_retried(send, queue, rule, endpoint, server):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    dead = queue("dead")
    site = server({})
    target = endpoint(site=site)
    site.close()
    rule(target.arn, RetryPolicy={"MaximumRetryAttempts": 2}, DeadLetterConfig={"Arn": dead.arn})
    send({})
    details = attributes(dead.messages()[0])
    assert (details["ERROR_CODE"], details["RETRY_ATTEMPTS"]) == ("CONNECTION_FAILURE", "2")


def test_url_of_another_machine_is_not_called(send, queue, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
    Refused: the local cloud calls loopback URLs only.
    """
    dead = queue("dead")
    rule(endpoint(url="https://api.example.com/hook").arn, DeadLetterConfig={"Arn": dead.arn})
    send({})
    details = attributes(dead.messages()[0])
    assert details["ERROR_CODE"] == "NOT_DELIVERED_LOCALLY"
    assert "https://api.example.com/hook" in details["ERROR_MESSAGE"]
