"""Calls of AWS services for an integration, signed with its role and sent to the endpoint of the local cloud."""

import asyncio
import os
from collections.abc import Mapping
from http.client import HTTPException
from typing import TYPE_CHECKING

from millrace.local.services.apigatewayv2.errors import internal_error
from millrace.local.services.eventbridge import HttpRequest, HttpResponse, send
from millrace.local.services.iam import Iam

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_SESSION = "BackplaneAssumeRoleSession"


async def call_service(
    region: "AccountRegion",
    role: str,
    scope: tuple[str, str],
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    seconds: float,
) -> HttpResponse:
    """Return the response of a service. `scope` is its region and its signing name. Raises HttpError."""
    request = _signed(region, role, scope, path, headers, body)
    try:
        return await asyncio.to_thread(send, request, seconds)
    except (OSError, HTTPException) as error:
        raise internal_error(f"{scope[1]} did not respond: {error}") from error


def _signed(
    region: "AccountRegion",
    role: str,
    scope: tuple[str, str],
    path: str,
    headers: Mapping[str, str],
    body: bytes,
) -> HttpRequest:
    from botocore.auth import SigV4Auth  # noqa: PLC0415 - slow to import
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    session = region.service(Iam).access.session(role, _SESSION)
    credentials = Credentials(
        session["AWS_ACCESS_KEY_ID"], session["AWS_SECRET_ACCESS_KEY"], session.get("AWS_SESSION_TOKEN")
    )
    url = f"http://127.0.0.1:{os.environ['MOTO_PORT']}{path}"
    request = AWSRequest("POST", url, data=body, headers=dict(headers))
    SigV4Auth(credentials, scope[1], scope[0]).add_auth(request)
    return HttpRequest("POST", url, dict(request.headers.items()), body)
