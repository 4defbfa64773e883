"""IAM authorization: whether a request is signed by somebody known here, who may invoke the API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
"""

from typing import Any

from millrace.local.access import Access, Ask, CannotJudge, SignatureError, scope_of, verify
from millrace.local.messages import Request
from millrace.local.plane.http_api.refusals import forbidden
from millrace.local.plane.state import State

_SERVICE = "execute-api"


def authorize(request: Request, access: Access, state: State, resource: str) -> dict[str, Any]:
    """What the function is told of the signer. Raises Refusal."""
    scope = scope_of(request)
    signer = access.signer(scope.key) if scope else None
    if scope is None or signer is None:
        raise forbidden("the request is not signed with an access key that the local cloud gave out")
    if (scope.region, scope.service) != (state.region, _SERVICE):
        raise forbidden(f"the signature is for {scope.service} in {scope.region}")
    try:
        verify(request, signer.credentials, access.times())
        denied = signer.denied(Ask("execute-api:Invoke", resource))
    except (SignatureError, CannotJudge) as error:
        raise forbidden(str(error)) from error
    if denied:
        raise forbidden(f"{signer.arn} is not authorized to perform: {denied.action} on resource: {denied.resource}")
    user = {"accessKey": scope.key, "accountId": state.account, "callerId": signer.user_id, "cognitoIdentity": None}
    return {"iam": {**user, "principalOrgId": None, "userArn": signer.arn, "userId": signer.user_id}}
