"""IAM authorization: whether a request is signed by somebody known here, who may invoke the API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
"""

import hashlib
import hmac
import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from millrace.local.core.backends import Backends
from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.http import Request
from millrace.local.services.apigatewayv2.errors import forbidden
from millrace.local.services.iam import Access, Permission, scope_of

_SERVICE = "execute-api"
_SIGNED = re.compile(r"SignedHeaders=([^,\s]+)")
_SIGNATURE = re.compile(r"Signature=([0-9a-f]{64})")
_SLACK_SECONDS = 300
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""


def authorize(request: Request, access: Access, backends: Backends, resource: str, now: float) -> dict[str, Any]:
    """What the function is told of the signer. Raises Refusal."""
    scope = scope_of(request)
    signer = access.signer(scope.key) if scope else None
    if scope is None or signer is None:
        raise forbidden("the request is not signed with an access key that the local cloud gave out")
    if (scope.region, scope.service) != (backends.region, _SERVICE):
        raise forbidden(f"the signature is for {scope.service} in {scope.region}")
    _check_time(request.headers.get("x-amz-date", ""), now)
    _check(request, scope.key, signer.secret, signer.session_token)
    try:
        denied = signer.denied(Permission("execute-api:Invoke", resource))
    except UnsupportedPolicyError as error:
        raise forbidden(str(error)) from error
    if denied:
        raise forbidden(f"{signer.arn} is not authorized to perform: {denied.action} on resource: {denied.resource}")
    user = {"accessKey": scope.key, "accountId": backends.account, "callerId": signer.user_id, "cognitoIdentity": None}
    return {"iam": {**user, "principalOrgId": None, "userArn": signer.arn, "userId": signer.user_id}}


def _check(request: Request, key: str, secret: str, session_token: str | None) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html."""
    if request.headers.get("x-amz-security-token") != session_token:
        raise forbidden("the session token is not that of the access key")
    body = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-amz-content-sha256", body) != body:
        raise forbidden("x-amz-content-sha256 is not the hash of the body")
    given = _SIGNATURE.search(request.headers["authorization"])
    if given is None or not hmac.compare_digest(given[1], _expected(request, key, secret)):
        raise forbidden("the signature is not that of the request")


def _expected(request: Request, key: str, secret: str) -> str:
    from botocore.auth import SigV4Auth  # noqa: PLC0415 - botocore is slow to import
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    scope, signed = scope_of(request), _SIGNED.search(request.headers["authorization"])
    if scope is None or signed is None:
        raise forbidden("the Authorization header names no signed headers")
    headers = {name: request.headers.get(name, "") for name in signed[1].split(";")}
    if "host" not in headers or "x-amz-date" not in headers:
        raise forbidden("host and x-amz-date have to be signed")
    url = f"http://{headers['host']}{quote(request.path, safe='/~')}" + (f"?{request.query}" if request.query else "")
    asked = AWSRequest(request.method, url, headers, request.body)
    asked.context["timestamp"] = headers["x-amz-date"]
    author = SigV4Auth(Credentials(key, secret), _SERVICE, scope.region)
    text: str = author.signature(author.string_to_sign(asked, author.canonical_request(asked)), asked)
    return text


def _check_time(moment: str, now: float) -> None:
    """A function signs in the time of its cloud, which may have leapt, and whoever is outside in this machine's."""
    try:
        signed = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise forbidden(f"x-amz-date is {moment!r}, and no moment") from error
    if min(abs(signed - now), abs(signed - time.time())) > _SLACK_SECONDS:
        raise forbidden(f"the signature is of {moment}, more than {_SLACK_SECONDS} s from now")
