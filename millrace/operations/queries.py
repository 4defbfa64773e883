"""Send recorded queries to the HTTP APIs of the local cloud."""

import urllib.request
from typing import Any

from millrace.operations import UsageError
from millrace.operations.cloud import Cloud

_SECONDS = 30


def send_query(cloud: Cloud, path: str) -> str:
    """Send a signed GET request to the API that has this path as a route. Return the body of the response."""
    from botocore.auth import SigV4Auth  # noqa: PLC0415 - boto3 is slow to import
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    host = f"{_api_with(cloud, path)}.execute-api.localhost"
    signed: Any = AWSRequest("GET", f"http://{host}{path}", headers={"host": host})
    SigV4Auth(Credentials(cloud.key, cloud.secret), "execute-api", "us-east-1").add_auth(signed)
    request = urllib.request.Request(f"{cloud.endpoint}{path}", headers=dict(signed.headers))  # noqa: S310 - a loopback address
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - a loopback address
        body: bytes = response.read()
    return body.decode()


def _api_with(cloud: Cloud, path: str) -> str:
    """Return the id of the API with the route `GET path`, without the query string of the path."""
    route, apis = f"GET {path.partition('?')[0]}", cloud.client("apigatewayv2")
    for api in apis.get_apis()["Items"]:
        if any(each["RouteKey"] == route for each in apis.get_routes(ApiId=api["ApiId"])["Items"]):
            return str(api["ApiId"])
    raise UsageError(f"{cloud.name} has no API with the route {route!r}: correct the path, or deploy the API.")
