"""Verifies the signatures of requests.

Signature Version 4 in headers, URLs and forms; S3's Version 2 in URLs and forms, as boto3 still presigns by default.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
Differs: of a streamed body the first signature is verified, not that of each chunk; of the policy of a form, its
signature and its expiration.
"""

import base64
import binascii
import hashlib
import hmac
import json
import posixpath
import re
from calendar import timegm
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote

from millrace.local.core.http import Request
from millrace.local.services.iam.calls import form_upload
from millrace.local.services.iam.sessions import Credentials

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=[^/, ]+/(\d{8})/([^/, ]+)/([^/, ]+)/aws4_request, *"
    r"SignedHeaders=([^, ]+), *Signature=([0-9a-f]{64})$"
)
_SKEW_SECONDS = {"s3": 900}
"""https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html"""
_OTHER_SKEW_SECONDS = 300
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
_LONGEST_SECONDS = 604_800
"""https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""
_MAY_BE_UNSIGNED = frozenset({"x-amz-content-sha256"})
"""Headers of S3 that a client may add to a presigned URL: this one only limits the body."""
_UNHASHED = ("UNSIGNED-PAYLOAD", "STREAMING-")
_SUB_RESOURCES = frozenset(
    {"accelerate", "acl", "analytics", "cors", "delete", "inventory", "lifecycle", "location", "logging", "metrics"}
    | {"notification", "object-lock", "partNumber", "policy", "replication", "requestPayment", "restore", "select"}
    | {"select-type", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website"}
    | {f"response-{name}" for name in ("cache-control", "content-disposition", "content-encoding")}
    | {f"response-{name}" for name in ("content-language", "content-type", "expires")}
)
"""https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html#ConstructingTheCanonicalizedResourceElement"""


class Reason(Enum):
    """Why AWS refuses to authenticate a request."""

    MISSING = "The request is not signed."
    INCOMPLETE = "The Authorization header or the signed URL is incomplete."
    UNKNOWN_KEY = "The access key or its session token is unknown to the local cloud."
    MISMATCH = "The request signature we calculated does not match the signature you provided."
    EXPIRED = "The signature is too old or from the future."
    URL_EXPIRED = "Request has expired"
    UNSIGNED_HEADERS = "There were headers present in the request which were not signed"


class SignatureError(Exception):
    """A request that AWS would not authenticate."""

    def __init__(self, reason: Reason, details: str = "") -> None:
        super().__init__(f"{reason.value} {details}".strip())
        self.reason = reason
        self.details = details


class Times(NamedTuple):
    """The time of this machine and of the local cloud, which can be ahead; in seconds since 1970."""

    real: float
    emulated: float


class _Signed(NamedTuple):
    """The parts of a signature."""

    moment: str
    date: str
    region: str
    service: str
    headers: list[str]
    signature: str


def verify(request: Request, credentials: Credentials, times: Times) -> None:
    """Verify the signature of a request and its time. Raises SignatureError.

    A function signs at the time of its last invocation, which the local cloud may have advanced since; so every moment
    from the time of this machine to that of the local cloud counts as now.
    """
    if not credentials.active:
        raise SignatureError(Reason.UNKNOWN_KEY, "The access key is inactive.")
    authorization = request.headers.get("authorization")
    if authorization:
        found = _HEADER.match(authorization)
        if found is None:
            raise SignatureError(Reason.INCOMPLETE)
        _verify_header(request, credentials, times, found)
    elif "X-Amz-Signature=" in request.query:
        _verify_url(request, credentials, times)
    elif "Signature=" in request.query:
        _verify_old_url(request, credentials, times)
    else:
        _verify_form(request, credentials, times)


def _verify_header(request: Request, credentials: Credentials, times: Times, found: re.Match[str]) -> None:
    date, region, service, names, signature = found.groups()
    moment = request.headers.get("x-amz-date", "")
    signed = _Signed(moment, date, region, service, names.split(";"), signature)
    if "host" not in signed.headers or "x-amz-date" not in signed.headers:
        raise SignatureError(Reason.INCOMPLETE, "'host' and 'x-amz-date' must be signed headers.")
    _check_token(request.headers.get("x-amz-security-token"), credentials)
    if _check_time(signed, times) < times.real - _skew(service):
        raise SignatureError(Reason.EXPIRED, f"Signature expired: {moment}")
    _check(request, signed, credentials.secret, _query(request.query), _payload(request))


def _verify_url(request: Request, credentials: Credentials, times: Times) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html."""
    given = dict(parse_qsl(request.query, keep_blank_values=True))
    scope = given.get("X-Amz-Credential", "").split("/")
    try:
        _key, date, region, service, _end = scope
        expires = int(given.get("X-Amz-Expires", "0" if service == "s3" else str(_OTHER_SKEW_SECONDS)))
        moment, names, signature = given["X-Amz-Date"], given["X-Amz-SignedHeaders"], given["X-Amz-Signature"]
    except (KeyError, ValueError) as error:
        raise SignatureError(Reason.INCOMPLETE) from error
    signed = _Signed(moment, date, region, service, names.split(";"), signature)
    if not 0 < expires <= _LONGEST_SECONDS or "host" not in signed.headers:
        raise SignatureError(Reason.INCOMPLETE)
    _check_token(given.get("X-Amz-Security-Token"), credentials)
    if _check_time(signed, times) + expires < _expiry_now(credentials, times):
        raise SignatureError(Reason.URL_EXPIRED)
    payload = request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD") if service == "s3" else _payload(request)
    _check(request, signed, credentials.secret, _query(request.query, leave_out="X-Amz-Signature"), payload)


def _verify_old_url(request: Request, credentials: Credentials, times: Times) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html#RESTAuthenticationQueryStringAuth."""
    given = dict(parse_qsl(request.query, keep_blank_values=True))
    lower = {**request.headers, **{name.lower(): value for name, value in given.items()}}
    _check_token(lower.get("x-amz-security-token"), credentials)
    expires = given.get("Expires", "")
    if not expires.isdecimal() or int(expires) < _expiry_now(credentials, times):
        raise SignatureError(Reason.URL_EXPIRED)
    amazon = "".join(f"{name}:{lower[name]}\n" for name in sorted(lower) if name.startswith("x-amz-"))
    parts = sorted(pair for pair in given.items() if pair[0] in _SUB_RESOURCES)
    parts_text = "&".join(f"{name}={value}" if value else name for name, value in parts)
    resource = request.raw_path + (f"?{parts_text}" if parts_text else "")
    standard = (request.method, lower.get("content-md5", ""), lower.get("content-type", ""), expires)
    text = "\n".join([*standard, amazon + resource])
    _check_equal(_sha1(credentials.secret, text), given.get("Signature", ""))


def _verify_form(request: Request, credentials: Credentials, times: Times) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html."""
    form = form_upload(request)
    policy = form.get("policy", "")
    _check_token(form.get("x-amz-security-token"), credentials)
    if "x-amz-signature" in form:
        _key, date, region, service, *_ = (*form.get("x-amz-credential", "").split("/"), "", "", "")
        key = _signing_key(credentials.secret, date, region, service)
        _check_equal(hmac.digest(key, policy.encode(), "sha256").hex(), form["x-amz-signature"])
    else:
        _check_equal(_sha1(credentials.secret, policy), form.get("signature", ""))
    if _expiration(policy) < _expiry_now(credentials, times):
        raise SignatureError(Reason.URL_EXPIRED)


def _expiration(policy: str) -> float:
    try:
        expiration = json.loads(base64.b64decode(policy))["expiration"]
        return datetime.fromisoformat(expiration).timestamp()
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignatureError(Reason.INCOMPLETE, "The policy of the form has no expiration.") from error


def _expiry_now(credentials: Credentials, times: Times) -> float:
    """Return the time for expiry: of the local cloud for functions, of this machine for developers."""
    return times.emulated if credentials.token else times.real


def _check_token(given: str | None, credentials: Credentials) -> None:
    if credentials.token != given and not (credentials.token is None and not given):
        raise SignatureError(Reason.UNKNOWN_KEY, "The session token is not that of the access key.")


def _check_time(signed: _Signed, times: Times) -> float:
    """Return the time of a signature. Raises SignatureError if it lies in the future."""
    moment = _seconds(signed.moment)
    if moment is None or signed.moment[:8] != signed.date:
        raise SignatureError(Reason.INCOMPLETE, f"X-Amz-Date is {signed.moment!r}.")
    if moment > times.emulated + _skew(signed.service):
        raise SignatureError(Reason.EXPIRED, f"Signature not yet current: {signed.moment}")
    return moment


def _skew(service: str) -> int:
    return _SKEW_SECONDS.get(service, _OTHER_SKEW_SECONDS)


@lru_cache(256)
def _seconds(moment: str) -> int | None:
    try:
        return timegm(datetime.strptime(moment, "%Y%m%dT%H%M%SZ").timetuple())  # noqa: DTZ007 - the Z means UTC
    except ValueError:
        return None


def _payload(request: Request) -> str:
    """Return the hash of the body, or the placeholder of a streamed or unsigned body."""
    named = request.headers.get("x-amz-content-sha256", "")
    if named.startswith(_UNHASHED):
        return named
    found = hashlib.sha256(request.body).hexdigest()
    if named and named != found:
        raise SignatureError(Reason.MISMATCH, "X-Amz-Content-Sha256 is not the hash of the body.")
    return found


def _check(request: Request, signed: _Signed, secret: str, query: str, payload: str) -> None:
    if signed.service == "s3":
        _check_signed(request, signed)
    headers = "".join([f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed.headers])
    path = _path(request, signed.service)
    canonical = f"{request.method}\n{path}\n{query}\n{headers}\n{';'.join(signed.headers)}\n{payload}"
    scope = f"{signed.date}/{signed.region}/{signed.service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{signed.moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = _signing_key(secret, signed.date, signed.region, signed.service)
    _check_equal(hmac.digest(key, text.encode(), "sha256").hex(), signed.signature)


def _check_signed(request: Request, signed: _Signed) -> None:
    """Refuse headers `x-amz-…` that are not signed. One of them turns a presigned URL for an upload into a copy.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    given = {name for name in request.headers if name.startswith("x-amz-")}
    if unsigned := sorted(given - _MAY_BE_UNSIGNED - set(signed.headers)):
        raise SignatureError(Reason.UNSIGNED_HEADERS, f"({', '.join(unsigned)}).")


def _check_equal(expected: str, given: str) -> None:
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise SignatureError(Reason.MISMATCH)


@lru_cache(256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _path(request: Request, service: str) -> str:
    """Return the canonical path: for S3 encoded once, for other services normalized and encoded twice."""
    raw = request.raw_path or quote(request.path, safe="/~")
    if raw == "/":
        return raw
    if service == "s3":
        return quote(unquote(raw), safe="/~")
    normal = posixpath.normpath(raw).replace("//", "/", 1) if raw else "/"
    return quote(normal + ("/" if raw.endswith("/") and normal != "/" else ""), safe="/~")


def _query(query: str, leave_out: str = "") -> str:
    """Return the canonical query: pairs encoded and sorted."""
    if not query:
        return ""
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    encoded = sorted((_encoded(name), _encoded(value)) for name, value in pairs if name != leave_out)
    return "&".join([f"{name}={value}" for name, value in encoded])


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _sha1(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()
