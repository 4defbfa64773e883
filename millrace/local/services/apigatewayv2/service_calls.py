"""Calls of AWS services for an integration, signed with its role and sent to the endpoint of the local cloud."""

import asyncio
import os
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
    request: HttpRequest,
    seconds: float,
) -> HttpResponse:
    """Return the response of a service. `scope` is its region and its signing name.

    `request` has a path instead of a URL. Raises HttpError.
    """
    signed = _signed(region, role, scope, request)
    try:
        return await asyncio.to_thread(send, signed, seconds)
    except (OSError, HTTPException) as error:
        raise internal_error(f"{scope[1]} did not respond: {error}") from error


def _signed(region: "AccountRegion", role: str, scope: tuple[str, str], request: HttpRequest) -> HttpRequest:
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    session = region.service(Iam).access.session(role, _SESSION)
    credentials = Credentials(
        session["AWS_ACCESS_KEY_ID"], session["AWS_SECRET_ACCESS_KEY"], session.get("AWS_SESSION_TOKEN")
    )
    url = f"http://127.0.0.1:{os.environ['MOTO_PORT']}{request.url}"
    unsigned = AWSRequest(request.method, url, data=request.body, headers=request.headers)
    signer = S3SigV4Auth if scope[1] == "s3" else SigV4Auth
    signer(credentials, scope[1], scope[0]).add_auth(unsigned)
    return HttpRequest(request.method, url, dict(unsigned.headers.items()), request.body)
