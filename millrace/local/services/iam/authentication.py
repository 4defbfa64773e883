"""Authenticates requests by their signatures, and returns AWS's errors for invalid ones.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

import re
from functools import cache
from urllib.parse import parse_qsl

from millrace.local.core.botocore_models import models
from millrace.local.core.http import Request, Response
from millrace.local.services.iam.calls import Scope, form_of
from millrace.local.services.iam.refusals import refusal
from millrace.local.services.iam.sessions import Sessions
from millrace.local.services.iam.signatures import Reason, SignatureError, Times, verify

_CODES = {
    Reason.MISSING: ("MissingAuthenticationTokenException", "MissingAuthenticationToken", "AccessDenied"),
    Reason.INCOMPLETE: ("IncompleteSignatureException", "IncompleteSignature", "AuthorizationHeaderMalformed"),
    Reason.UNKNOWN_KEY: ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"),
    Reason.MISMATCH: ("InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch"),
    Reason.EXPIRED: ("InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed"),
    Reason.URL_EXPIRED: ("InvalidSignatureException", "SignatureDoesNotMatch", "AccessDenied"),
    Reason.UNSIGNED_HEADERS: ("InvalidSignatureException", "SignatureDoesNotMatch", "AccessDenied"),
}
"""In the JSON protocols, in the query protocol, of S3.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""
_SIGNING_NAMES = {
    "AWSEvents": "events",
    "AWSStepFunctions": "states",
    "AmazonSQS": "sqs",
    "DynamoDB_20120810": "dynamodb",
    "Firehose_20150804": "firehose",
}
"""Signing names of services that x-amz-target alone chooses, by its prefix. moto chooses by the signature."""
_DATED = re.compile(r"^/\d{4}-\d\d-\d\d/")
_NOT_OF_AWS = ("/moto-api", "/latest/")
_KEYS_OF_ISSUERS = re.compile(r"^/[^/]+/\.well-known/[a-z-]+(\.json)?$")
_UNSIGNED_SERVICES = {
    "AWSCognitoIdentityProviderService": "cognito-idp",
    "AWSCognitoIdentityService": "cognito-identity",
}
_UNSIGNED_ACTIONS = frozenset({"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})
"""https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html"""


def unauthenticated(request: Request, scope: Scope, sessions: Sessions, times: Times) -> Response | None:
    """Return the error response to a request with an invalid signature; None for a valid one.

    A key that the local cloud did not give out is not verified: it is a developer's. A function has none of those, so
    the port of the functions refuses them, as a strict local cloud does everywhere.
    """
    credentials = sessions.credentials(scope.key)
    if credentials is None:
        if not request.from_function and not sessions.strict:
            return None
        return refused(request, scope, SignatureError(Reason.UNKNOWN_KEY, _hint(request, scope)))
    try:
        _check_service(request, scope)
        if sessions.verified:
            verify(request, credentials, times)
        if request.from_function or sessions.strict:
            _check_authorized(request, scope, sessions)
    except SignatureError as error:
        return refused(request, scope, error)
    return None


def refused(request: Request, scope: Scope, error: SignatureError) -> Response:
    """Return AWS's error for a request that is not authenticated, in the protocol of the service."""
    in_json, in_query, of_s3 = _CODES[error.reason]
    return refusal(request, scope, str(error), of_s3 if scope.service == "s3" else in_json, in_query)


def needs_no_signature(request: Request) -> bool:
    """Return whether AWS accepts a request without a signature from anyone.

    The whole request must be for that operation: headers, path or query could choose another one.
    https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html
    """
    if request.query:
        return False
    if request.method == "GET":
        return not request.operation and bool(_KEYS_OF_ISSUERS.match(request.path))
    if request.method != "POST" or request.path != "/":
        return False
    prefix, _, operation = request.operation.partition(".")
    if request.operation:
        return prefix in _UNSIGNED_SERVICES and operation in _unsigned_operations(_UNSIGNED_SERVICES[prefix])
    return [value for name, value in parse_qsl(request.body.decode(errors="replace")) if name == "Action"] in (
        [action] for action in _UNSIGNED_ACTIONS
    )


def unsigned_scope(request: Request, region: str) -> Scope:
    """Return the scope of an unsigned request to a service whose resources may be public."""
    form = form_of(request)
    if request.operation:
        return Scope("", region, _SIGNING_NAMES.get(request.operation.partition(".")[0], ""))
    if "Action" in form:
        return Scope("", region, "sqs" if "QueueUrl" in form else "sns" if "TopicArn" in form else "")
    return Scope("", region, "" if "smithy-protocol" in request.headers or _DATED.match(request.path) else "s3")


def _check_service(request: Request, scope: Scope) -> None:
    """Refuse a signature for a service other than the one that answers: the signature decides the authorization."""
    wanted = scope.service
    if request.path.startswith("/2015-03-31/functions/"):
        wanted = "" if request.operation else "lambda"
    elif request.operation:
        wanted = _SIGNING_NAMES.get(request.operation.partition(".")[0], scope.service)
        wanted = "" if wanted == "s3" else wanted
    elif not request.headers.get("authorization"):
        wanted = "s3"  # a presigned URL or form
    if wanted != scope.service:
        raise SignatureError(Reason.MISMATCH, f"Credential should be scoped to correct service: {wanted!r}.")
    if request.path.startswith(_NOT_OF_AWS):
        raise SignatureError(Reason.UNKNOWN_KEY, f"{request.path} is for developers.")


def _check_authorized(request: Request, scope: Scope, sessions: Sessions) -> None:
    """Refuse the keys of IAM users, whose policies are not evaluated. Sessions use the policies of their roles."""
    if not sessions.authorizes(scope.key) and request.from_function:
        raise SignatureError(
            Reason.UNKNOWN_KEY,
            f"The access key {scope.key} belongs to an IAM user, whose policies the local cloud does not evaluate.",
        )


def _hint(request: Request, scope: Scope) -> str:
    if request.from_function:
        return f"The key is {scope.key!r}. A function signs with the keys of its environment variables."
    return f"The key is {scope.key!r}. This local cloud is strict: sign with the key that `millrace up` printed."


@cache
def _unsigned_operations(service: str) -> frozenset[str]:
    operations = models().load_service_model(service, "service-2")["operations"]
    return frozenset(name for name, known in operations.items() if known.get("authtype") == "none")
