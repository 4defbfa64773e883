"""The functions behind an API: whether it may invoke them, and their invocation."""

import asyncio
import re
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.services.apigatewayv2.errors import HttpError, internal_error
from millrace.local.services.iam import Iam
from millrace.local.services.lambda_ import Lambda
from millrace.local.workers import Outcome

_FUNCTION = re.compile(r"arn:aws:lambda:[^/]+:function:[^/]+")
_PRINCIPAL = "apigateway.amazonaws.com"


def function_of(region: AccountRegion, uri: str, source: str, role: str | None = None) -> Any:
    """Return the function in a URI. Raises HttpError if neither its policy nor a role allows the API `source`."""
    found = _FUNCTION.search(uri or "")
    if found is None:
        raise internal_error(f"the integration {uri} is not a function")
    access = region.service(Iam).access
    try:
        function = region.service(Lambda).functions.find(found[0])
        if role:
            allowed = not access.refusal(role, "apigateway", "lambda", "Invoke", {"FunctionName": found[0]})
        else:
            allowed = access.may_deliver(_PRINCIPAL, "lambda:InvokeFunction", found[0], source)
    except (LookupError, UnsupportedPolicyError) as error:
        raise internal_error(str(error)) from error
    if not allowed:
        raise internal_error(f"the policy of {role or found[0]} does not allow {source}")
    return function


async def invoke(region: AccountRegion, function: Any, payload: bytes, seconds: float) -> Outcome | None:
    """Return the outcome of a function; None if it was throttled. Raises HttpError after `seconds`."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Outcome | None] = loop.create_future()

    def expire() -> None:
        if not future.done():
            future.set_exception(TimeoutError())

    timer = loop.call_later(seconds, expire)

    def done(outcome: Outcome | None) -> None:
        if not future.done():
            future.set_result(outcome)

    region.service(Lambda).functions.invoke(function, payload, done, urgent=True)
    try:
        return await future
    except TimeoutError as error:
        raise HttpError(503, "Service Unavailable", f"no response within {seconds:g} s") from error
    finally:
        timer.cancel()
