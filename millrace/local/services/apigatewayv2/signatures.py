"""IAM authorization: whether a request is signed by somebody known here, who may invoke the API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
"""

from collections.abc import Iterable
from typing import Any

from millrace.local.core.backends import Backends
from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.http import Request
from millrace.local.services.apigatewayv2.errors import forbidden
from millrace.local.services.iam import Access, Permission, SignatureError, scope_of, unauthorized, verify

_SERVICE = "execute-api"


def authorize(request: Request, access: Access, backends: Backends, resource: str) -> dict[str, Any]:
    """Return the identity of the signer, who may invoke an API, for the function. Raises HttpError."""
    return authorized_signer(request, access, backends, [Permission("execute-api:Invoke", resource)], _SERVICE)


def authorized_signer(
    request: Request, access: Access, backends: Backends, permissions: Iterable[Permission], service: str
) -> dict[str, Any]:
    """Return the identity of a signer who has some permissions. `service` is its signing name. Raises HttpError."""
    scope = scope_of(request)
    signer = access.signer(scope.key) if scope else None
    if scope is None or signer is None:
        raise forbidden("the request is not signed with an access key that the local cloud gave out")
    if (scope.region, scope.service) != (backends.region, service):
        raise forbidden(f"the signature is for {scope.service} in {scope.region}")
    try:
        verify(request, signer.credentials, access.times())
        denied = next((found for each in permissions if (found := signer.denied(each))), None)
    except (SignatureError, UnsupportedPolicyError) as error:
        raise forbidden(str(error)) from error
    if denied:
        raise forbidden(unauthorized(signer.arn, denied))
    user = {"accessKey": scope.key, "accountId": backends.account, "callerId": signer.user_id, "cognitoIdentity": None}
    return {"iam": {**user, "principalOrgId": None, "userArn": signer.arn, "userId": signer.user_id}}
