"""The permissions that calls of WebSocket connections need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on a WebSocket connection. The API is the first label of the host name, or `*`.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
    """
    host = call.request.headers.get("host", "")
    api = host.partition(".")[0] if "execute-api" in host else "*"
    resource = f"{api}/*/{call.request.method}/@connections/{call.params.get('ConnectionId', '*')}"
    return [Permission("execute-api:ManageConnections", call.arn(resource))]


REQUIRED = {"execute-api": required}
