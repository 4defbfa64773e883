"""Access keys: which of them the local cloud accepts, from whom, and how it refuses the others."""

import http.client
import json
import urllib.error
import urllib.request
from functools import partial

import boto3
import pytest
import time_machine
from botocore.config import Config
from botocore.exceptions import ClientError

from millrace.local.core.http import Request
from millrace.local.services.iam import Credentials, Iam
from millrace.local.services.iam.sessions import Sessions

pytest_plugins = ["access_fixtures"]

ACCOUNT = "123456789012"
ENTRY = {"Source": "shop.orders", "DetailType": "OrderPlaced", "Detail": "{}", "EventBusName": "shop"}
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
DUMMY = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "aws_session_token": ""}


@pytest.fixture
def local(iam_local):
    return iam_local


@pytest.fixture
def function_keys(local):
    """What a function of the role signs with, as boto3's arguments."""
    sessions = local._sessions
    access = local.region.service(Iam).access
    known = local.on_loop(lambda: access.session(f"arn:aws:iam::{ACCOUNT}:role/shop/clerk", "f"))
    assert known["AWS_ACCESS_KEY_ID"] in sessions.keys
    return {name.lower(): value for name, value in known.items()}


@pytest.fixture
def client(local):
    """A client with keys of one's own; by default one of the functions' endpoint."""

    def client(service, keys, url=local.functions_url, **config):
        return boto3.client(service, endpoint_url=url, region_name="us-east-1", config=Config(**config), **keys)

    return client


@pytest.fixture
def unsigned(local):
    """Send a request without a signature; the status, and the body of the answer."""

    def unsigned(method, path, body="", url=local.endpoint_url, **headers):
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    return unsigned


def code_of(call, **arguments):
    """The code of the error that a call is refused with."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"]


CALLS = [
    ("events", "put_events", {"Entries": [ENTRY]}, "UnrecognizedClientException", "InvalidSignatureException"),
    ("sqs", "list_queues", {}, "InvalidClientTokenId", "SignatureDoesNotMatch"),
    ("lambda", "invoke", {"FunctionName": "f"}, "UnrecognizedClientException", "InvalidSignatureException"),
    ("sts", "get_caller_identity", {}, "InvalidClientTokenId", "SignatureDoesNotMatch"),
    ("s3", "list_buckets", {}, "InvalidAccessKeyId", "SignatureDoesNotMatch"),
]


@pytest.mark.parametrize(("service", "operation", "arguments", "unknown", "_wrong"), CALLS)
def test_the_functions_endpoint_refuses_a_key_that_nobody_gave_out(
    client, service, operation, arguments, unknown, _wrong
):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html"""
    assert code_of(getattr(client(service, DUMMY), operation), **arguments) == unknown


@pytest.mark.parametrize(("service", "operation", "arguments", "_unknown", "wrong"), CALLS)
def test_a_known_key_with_another_secret_is_refused_at_both_endpoints(
    local, client, function_keys, service, operation, arguments, _unknown, wrong
):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
    forged = function_keys | {"aws_secret_access_key": "guessed"}
    for url in (local.endpoint_url, local.functions_url):
        assert code_of(getattr(client(service, forged, url), operation), **arguments) == wrong


def test_a_function_has_no_more_rights_with_a_dummy_key(local, allow, error_of):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html

    Differs: outside functions any key that the local cloud did not give out is an administrator's, unless it is strict.
    """
    allow(EVERYTHING)
    error = error_of("events", "put_events", DUMMY, Entries=[ENTRY])
    assert error["Code"] == "UnrecognizedClientException"
    assert "A function signs with the keys of its environment variables." in error["Message"]
    assert local.client("events").put_events(Entries=[ENTRY])["FailedEntryCount"] == 0


def test_a_function_signs_in_the_time_of_the_local_cloud(local, allow, error_of):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
    allow(EVERYTHING)
    local.on_loop(lambda: local.scheduler.clock.skip_to(local.scheduler.clock.now() + 86_400))
    assert error_of("events", "put_events", Entries=[ENTRY]) is None
    assert local.client("events").put_events(Entries=[ENTRY])["FailedEntryCount"] == 0


JSON = "application/x-amz-json-1.1"
INVOKE = "/2015-03-31/functions/f/invocations"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "expected"),
    [
        ("POST", "/", "{}", {"x_amz_target": "AWSEvents.PutEvents"}, (400, "MissingAuthenticationTokenException")),
        ("POST", "/2015-03-31/functions/f/invocations", "{}", {}, (403, "MissingAuthenticationTokenException")),
        ("POST", "/", "Action=ListTopics", {"content_type": FORM}, (403, "<Code>MissingAuthenticationToken</Code>")),
        ("GET", "/bucket/key", "", {}, (403, "<Code>AccessDenied</Code>")),
        ("POST", "/moto-api/reset", "", {}, (403, "AccessDenied")),
    ],
)
def test_an_unsigned_request_is_refused_in_the_protocol_of_its_service(
    local, unsigned, method, path, body, headers, expected
):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html"""
    for url in (local.endpoint_url, local.functions_url):
        status, answer = unsigned(method, path, body, url, **headers)
        assert (status, expected[1] in answer) == (expected[0], True), answer


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/?Action=AssumeRoleWithSAML", {"x_amz_target": "AWSEvents.PutEvents"}),
        ("POST", f"{INVOKE}?Action=AssumeRoleWithSAML", {}),
        ("GET", "/?Action=AssumeRoleWithSAML", {}),
        ("DELETE", "/bucket/key?Action=AssumeRoleWithSAML", {}),
        ("OPTIONS", "/", {"x_amz_target": "AWSEvents.PutEvents"}),
        ("OPTIONS", "/?Action=ListTopics", {}),
        ("GET", "/pool/.well-known/jwks.json", {"x_amz_target": "AWSEvents.PutEvents"}),
        ("POST", INVOKE, {"x_amz_target": "AWSCognitoIdentityProviderService.SignUp"}),
    ],
)
def test_an_operation_without_signature_does_not_open_another(local, unsigned, method, path, headers):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html"""
    entries = json.dumps({"Entries": [ENTRY]})
    answers = [unsigned(method, path, entries, url, **headers) for url in (local.endpoint_url, local.functions_url)]
    assert [status in (400, 403) and "not signed" in answer for status, answer in answers] == [True, True], answers


def test_a_bucket_and_a_queue_are_open_to_everybody_if_their_policies_allow_it(local, unsigned):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html

    Differs: a policy alone opens a bucket; its public access block and its access control lists do not count.
    """
    s3, sqs, queue = local.client("s3"), local.client("sqs"), f"{local.endpoint_url}/{ACCOUNT}/orders"
    s3.create_bucket(Bucket="public")
    s3.put_object(Bucket="public", Key="k", Body=b"hi")
    send = partial(unsigned, "POST", "/", json.dumps({"QueueUrl": queue, "MessageBody": "hi"}), content_type=JSON)
    assert (unsigned("GET", "/public/k")[0], send(x_amz_target="AmazonSQS.SendMessage")[0]) == (403, 400)
    everybody = {"Effect": "Allow", "Principal": "*"}
    read = {**everybody, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::public/*"}
    write = {**everybody, "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders"}
    s3.put_bucket_policy(Bucket="public", Policy=json.dumps({"Statement": [read]}))
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Statement": [write]})})
    assert (unsigned("GET", "/public/k"), unsigned("PUT", "/public/k")[0]) == ((200, "hi"), 403)
    assert send(x_amz_target="AmazonSQS.SendMessage")[0] == 200
    assert send(x_amz_target="AmazonSQS.PurgeQueue")[0] == 400


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_may_do_what_the_role_of_its_signer_may(local, allow, client, function_keys, version):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html"""
    s3 = local.client("s3")
    s3.create_bucket(Bucket="box")
    s3.put_object(Bucket="box", Key="k", Body=b"hi")
    made = client("s3", function_keys, signature_version=version)
    with time_machine.travel(local.scheduler.clock.now()):
        url = made.generate_presigned_url("get_object", {"Bucket": "box", "Key": "k"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)
    assert b"is not authorized to perform: s3:GetObject" in refused.value.read()
    allow({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::box/k"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"hi"


def test_a_signature_for_another_service_is_refused(client, function_keys, allow):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
    allow({"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"})
    events = client("events", function_keys)
    events._request_signer._signing_name = "dynamodb"
    assert code_of(events.put_events, Entries=[ENTRY]) == "InvalidSignatureException"
    tables = client("dynamodb", function_keys)
    tables._request_signer._signing_name = "xray"
    assert code_of(tables.list_tables) == "InvalidSignatureException"


def test_a_role_that_a_function_assumes_binds_it(local, client, function_keys, allow):
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    role = local.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    arn = role["Role"]["Arn"]
    allow({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn})
    given = client("sts", function_keys).assume_role(RoleArn=arn, RoleSessionName="other")["Credentials"]
    keys = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    assumed = dict(zip(keys, (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]), strict=True))
    assert client("sts", assumed).get_caller_identity()["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/r/other"
    assert code_of(client("events", assumed).put_events, Entries=[ENTRY]) == "AccessDeniedException"
    assert code_of(client("sts", assumed | {"aws_session_token": "x"}).get_caller_identity) == "InvalidClientTokenId"


def test_the_key_of_an_iam_user_is_verified(local, client):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html

    Differs: the policies of users are not evaluated: outside functions their keys may do everything, inside nothing.
    """
    iam = local.client("iam")
    iam.create_user(UserName="u")
    made = iam.create_access_key(UserName="u")["AccessKey"]
    keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    outside = partial(client, "sqs", url=local.endpoint_url)
    assert outside(keys).list_queues()["QueueUrls"]
    assert code_of(client("sqs", keys).list_queues) == "InvalidClientTokenId"
    assert code_of(outside(keys | {"aws_secret_access_key": "x"}).list_queues) == "SignatureDoesNotMatch"
    iam.update_access_key(UserName="u", AccessKeyId=made["AccessKeyId"], Status="Inactive")
    assert code_of(outside(keys).list_queues) == "InvalidClientTokenId"


def test_a_function_cannot_use_the_kits_own_interface(local, unsigned):
    url = local.functions_url
    assert unsigned("GET", "/_millrace/health", url=local.endpoint_url, x_millrace="1")[0] == 200
    assert unsigned("GET", "/_millrace/health", url=url, x_millrace="1")[0] == 403


def test_a_strict_local_cloud_accepts_a_random_key_alone():
    one, other = (Sessions(ACCOUNT, Credentials.random(), strict=True) for _ in range(2))
    assert one.credentials("test") is None
    assert one.credentials(one.developer.key) == one.developer != other.developer
    assert one.credentials("210987654321").secret == one.developer.secret
    control = Request("GET", "/_millrace/health", "", {"x-millrace": one.developer.secret}, b"")
    assert (one.controls(control), other.controls(control)) == (True, False)
