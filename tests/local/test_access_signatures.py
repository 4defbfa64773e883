"""Signatures of requests, as botocore makes them: which are valid, and when."""

import io
import re
import time
from dataclasses import replace
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
import time_machine
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.session import Session

from millrace.local.core.http import Request
from millrace.local.services.iam import Credentials, SignatureError, verify
from millrace.local.services.iam.calls import call_of, scope_of
from millrace.local.services.iam.signatures import Times

FUNCTION = Credentials("ASIAFUNCTION00000000", "secret/of+the function", "token==")
USER = Credentials("AKIAUSER000000000000", "secret")
NOW = time.time()
TIMES = Times(NOW, NOW)


@pytest.fixture(autouse=True)
def _at_the_time_of_import():
    with time_machine.travel(NOW, tick=False):
        yield


@cache
def session_of(who):
    session = Session()
    session.set_credentials(who.key, who.secret, who.token)
    return session


def client(service, who=FUNCTION, **config):
    url = {"endpoint_url": "http://127.0.0.1:4566", "config": Config(**config)}
    return session_of(who).create_client(service, "us-east-1", **url)


def received(method, url, headers, body):
    """A request as the endpoint receives it."""
    parts = urlsplit(url)
    text = {name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in headers.items()}
    return Request(method, unquote(parts.path), parts.query, {"host": parts.netloc} | text, body or b"", parts.path)


def signed(service, operation, who=FUNCTION, **parameters):
    """The request that boto3 sends for an operation."""
    sent = []

    def keep(request, **_):
        sent.append(request)
        return AWSResponse(request.url, 200, {}, io.BytesIO(b""))

    made = client(service, who)
    made.meta.events.register("before-send", keep)
    try:
        getattr(made, operation)(**parameters)
    except Exception:  # noqa: BLE001 - the answer is empty, which not each operation can read
        assert sent
    body = sent[0].body
    body = body.encode() if isinstance(body, str) else body
    return received(sent[0].method, sent[0].url, sent[0].headers, body.read() if hasattr(body, "read") else body)


def presigned(version="s3v4", who=FUNCTION, operation="get_object", **more):
    """A presigned URL of S3, as a browser opens it."""
    made = client("s3", who, signature_version=version)
    url = made.generate_presigned_url(operation, {"Bucket": "b", "Key": "a b/ü+(1).txt", **more}, ExpiresIn=60)
    return received("GET" if operation == "get_object" else "PUT", url, {}, b"")


def uploaded(version, who=FUNCTION):
    """A form that uploads a file to S3, as a browser sends it."""
    form = client("s3", who, signature_version=version).generate_presigned_post("b", "key", ExpiresIn=60)
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in form["fields"].items()
    ]
    body = "\r\n".join(
        [*parts, '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhi\r\n--x--\r\n']
    )
    kind = {"content-type": "multipart/form-data; boundary=x"}
    return received("POST", form["url"], kind, body.encode())


ENTRY = {"Source": "shop.orders", "DetailType": "OrderPlaced", "Detail": '{"ü": 1}'}
OPERATIONS = [
    ("events", "put_events", {"Entries": [ENTRY]}),
    ("sts", "get_caller_identity", {}),
    ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": "a b+ü"}),
    ("lambda", "invoke", {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:f", "Qualifier": "a-b"}),
    ("scheduler", "list_schedules", {"NamePrefix": "a b/ü", "MaxResults": 3}),
    ("s3", "put_object", {"Bucket": "b", "Key": "a b//ü+(1)~.txt", "Body": b"hi", "Metadata": {"x": " a  b "}}),
    ("s3", "list_objects_v2", {"Bucket": "b", "Prefix": "a b+ü&=", "Delimiter": "/"}),
    ("s3", "list_buckets", {}),
    ("cloudwatch", "put_metric_data", {"Namespace": "n", "MetricData": []}),
]


@pytest.mark.parametrize(("service", "operation", "parameters"), OPERATIONS)
def test_a_request_is_valid_as_boto3_signs_it_and_no_other_way(service, operation, parameters):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    request = signed(service, operation, **parameters)
    verify(request, FUNCTION, TIMES)
    for changed in (
        replace(request, body=request.body + b" "),
        replace(request, query=request.query + "&more=1"),
        replace(request, raw_path=request.raw_path + "x"),
        replace(request, method="DELETE"),
        replace(request, headers=request.headers | {"x-amz-security-token": "another"}),
        replace(request, headers=request.headers | {"host": "127.0.0.1:4567"}),
    ):
        with pytest.raises(SignatureError):
            verify(changed, FUNCTION, TIMES)


@pytest.mark.parametrize("changed", [{"secret": "another"}, {"token": None}, {"token": "another"}, {"active": False}])
def test_a_request_that_another_key_signed_is_not_valid(changed):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
    with pytest.raises(SignatureError):
        verify(signed("events", "put_events", Entries=[ENTRY]), FUNCTION._replace(**changed), TIMES)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "allowed"),
    [("sts", "get_caller_identity", {}, 300), ("s3", "list_buckets", {}, 900)],
)
def test_a_signature_is_valid_for_five_minutes_and_at_s3_for_fifteen(service, operation, parameters, allowed):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
    request = signed(service, operation, **parameters)
    now = time.time()
    for moment in (now + 10 - allowed, now + allowed - 10):
        verify(request, FUNCTION, Times(moment, moment))
    for moment in (now - 10 - allowed, now + allowed + 10):
        with pytest.raises(SignatureError):
            verify(request, FUNCTION, Times(moment, moment))


def test_a_function_signs_at_any_moment_that_the_clock_has_passed():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html

    Differs: when the local cloud has advanced its clock, signatures from the time before that are valid.
    """
    request = signed("events", "put_events", Entries=[ENTRY])
    verify(request, FUNCTION, Times(NOW, NOW + 86_400))
    verify(request, FUNCTION, Times(NOW - 86_400, NOW + 86_400))
    with pytest.raises(SignatureError):
        verify(request, FUNCTION, Times(NOW + 86_400, NOW + 86_400))


@pytest.mark.parametrize("version", ["s3v4", "s3"])
@pytest.mark.parametrize("who", [FUNCTION, USER])
def test_a_presigned_url_is_valid_until_it_expires(version, who):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html"""
    request = presigned(version, who)
    verify(request, who, TIMES)
    verify(presigned(version, who, "put_object"), who, TIMES)
    with pytest.raises(SignatureError, match="Request has expired"):
        verify(request, who, Times(NOW + 1000, NOW + 1000))
    for changed in (replace(request, method="PUT"), replace(request, raw_path="/b/another")):
        with pytest.raises(SignatureError):
            verify(changed, who, TIMES)


def test_the_presigned_url_of_a_function_expires_by_the_clock_of_the_local_cloud():
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html"""
    with pytest.raises(SignatureError):
        verify(presigned(), FUNCTION, Times(NOW, NOW + 1000))
    verify(presigned(who=USER), USER, Times(NOW, NOW + 1000))


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_form_is_an_upload_by_its_signer_until_it_expires(version):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html

    Differs: the signature and expiration of its policy count, its other conditions do not.
    """
    request = uploaded(version)
    scope = scope_of(request)
    call = call_of(request, scope, "123456789012")
    verify(request, FUNCTION, TIMES)
    assert (scope.key, call.operation, dict(call.params)) == (FUNCTION.key, "PutObject", {"Bucket": "b", "Key": "key"})
    for changed, times in (
        (request, Times(NOW, NOW + 1000)),
        (uploaded(version, FUNCTION._replace(secret="x")), TIMES),
    ):
        with pytest.raises(SignatureError):
            verify(changed, FUNCTION, times)


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_an_unsigned_or_streamed_body_is_not_hashed(payload, monkeypatch):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html

    Differs: the signatures of the chunks of a streamed body are not verified.
    """
    monkeypatch.setattr("botocore.auth.S3SigV4Auth.payload", lambda *_: payload)
    request = signed("s3", "put_object", Bucket="b", Key="k", Body=b"hi")
    verify(replace(request, body=b"2\r\nhi\r\n0\r\n\r\n"), FUNCTION, TIMES)


@pytest.mark.parametrize("text", ["AWS4-HMAC-SHA256 Credential=a/20260101/r/s/aws4_request", "AWS key:sig", "Bearer x"])
def test_an_incomplete_authorization_header_is_refused(text):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html"""
    with pytest.raises(SignatureError, match="incomplete"):
        verify(Request("POST", "/", "", {"authorization": text, "host": "h"}, b""), FUNCTION, TIMES)


def test_the_date_has_to_be_signed():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    request = signed("sts", "get_caller_identity")
    header = re.sub("x-amz-date;?", "", request.headers["authorization"])
    with pytest.raises(SignatureError, match="must be signed"):
        verify(replace(request, headers=request.headers | {"authorization": header}), FUNCTION, TIMES)
