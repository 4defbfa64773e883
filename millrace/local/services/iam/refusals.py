"""Responses to denied calls, in the protocol of each service.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from html import escape

from millrace.local.core.http import Request, Response
from millrace.local.services.iam.calls import Call, Scope
from millrace.local.services.iam.decision import Denied
from millrace.local.services.iam.facts import Permission

_FORBIDDEN = 403
_BAD_REQUEST = 400
_XML = ("content-type", "text/xml")
_SHOWN: dict[str, Callable[[str], str]] = {"sqs": str.lower, "sns": lambda action: action.replace("sns:", "SNS:")}
"""How a service writes its actions in its messages."""


def unauthorized(caller: str, needed: Denied | Permission) -> str:
    """Return AWS's message about a caller who lacks a permission."""
    return f"{caller} is not authorized to perform: {needed.action} on resource: {needed.resource}"


def message(session: str, denied: Denied) -> str:
    """Return AWS's message about a denied call, with the reason."""
    service = denied.action.partition(":")[0]
    shown = _SHOWN.get(service, str)(denied.action)
    resource = f'"{denied.resource}"' if service == "s3" else denied.resource
    why = denied.why.replace(denied.action, shown)
    return f"{unauthorized(f'User: {session}', replace(denied, action=shown, resource=resource))} {why}"


def refusal(request: Request, scope: Scope, text: str, code: str = "", in_query: str = "") -> Response:
    """Return an error response. `code` replaces the service's code for a denied call.

    `in_query` is the code in the query protocol if it differs.
    """
    if scope.service == "s3":
        return _s3(request, text, code or "AccessDenied")
    if "smithy-protocol" in request.headers:
        return _cbor(text, code or "AccessDenied")
    if "x-amz-target" in request.headers:
        return _json(text, code or "AccessDeniedException", _BAD_REQUEST, scope, in_query)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        denied = "AuthorizationError" if scope.service == "sns" else "AccessDenied"
        return _query(text, in_query or code or denied)
    return _json(text, code or "AccessDeniedException", _FORBIDDEN, scope)


def identity(call: Call, session: str, user_id: str) -> Response:
    """Return the identity of a caller. See https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html."""
    body = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{session}</Arn><UserId>{user_id}</UserId><Account>{call.account}</Account></GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
    return Response(200, body.encode(), (_XML,))


def _json(text: str, code: str, status: int, scope: Scope, in_query: str = "") -> Response:
    refused = Response.error(code, text, status)
    if scope.service == "sqs":  # its SDKs know their errors by the codes of its former protocol
        former = ("x-amzn-query-error", f"{in_query or code.removesuffix('Exception')};Sender")
        return replace(refused, headers=(*refused.headers, former))
    return refused


def _query(text: str, code: str) -> Response:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
    body = f"<ErrorResponse>{error}<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    return Response(_FORBIDDEN, body.encode(), (_XML,))


def _s3(request: Request, text: str, code: str) -> Response:
    """Return an error of S3. A response to HEAD has no body, as on AWS."""
    body = f"<Error><Code>{code}</Code><Message>{escape(text)}</Message><RequestId>{uuid.uuid4()}</RequestId></Error>"
    return Response(_FORBIDDEN, b"" if request.method == "HEAD" else body.encode(), (_XML,))


def _cbor(text: str, code: str) -> Response:
    """Return a map of two texts. See https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html."""
    pairs = (("__type", code), ("message", text))
    body = b"\xa2" + b"".join(_cbor_text(name) + _cbor_text(value) for name, value in pairs)
    headers = (("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor"))
    return Response(_FORBIDDEN, body, (*headers, ("x-amzn-query-error", f"{code};Sender")))


def _cbor_text(text: str) -> bytes:
    """Encode a text with its length in two bytes."""
    encoded = text.encode()
    return b"\x79" + len(encoded).to_bytes(2, "big") + encoded
