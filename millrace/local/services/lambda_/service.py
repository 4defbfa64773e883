"""AWS Lambda: functions, how they are invoked, and their event source mappings."""

import contextlib
import re
from typing import Any
from urllib.parse import unquote

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.http import Request, Response
from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message
from millrace.local.services.lambda_.event_source_mappings import EventSourceMappings
from millrace.local.services.lambda_.functions import Functions
from millrace.local.services.lambda_.invoke import Invoke

_NAMED = re.compile(
    r"/20\d\d-\d\d-\d\d/functions/(?P<arn>arn:aws[\w-]*:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):function:[^/]+)"
)


class Lambda(Service):
    """The functions and event source mappings of an account and region."""

    arn_name = "lambda"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("lambda:InvokeFunction",))
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-lambda-permissions."""

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.functions = Functions(region)
        self.invoke = Invoke(region, self.functions)
        self.mappings = EventSourceMappings(region, self.functions)

    def reject(self, request: Request) -> Response | None:
        """Reject a request for a function of another account or region.

        https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
        """
        named = _NAMED.match(unquote(request.path))
        if named is None:
            return None
        region, account = named["region"], named["account"]
        if region != self.region.name:
            message = f"Functions from '{region}' are not reachable in this region ('{self.region.name}')"
            return Response.error("ResourceNotFoundException", message, 404)
        if account != self.region.account:
            message = f"The local cloud does not call Lambda for a function of another account: {named['arn']}"
            return Response.error("AccessDeniedException", message, 403)
        return None

    def changed(self) -> None:
        """Read functions and mappings again."""
        self.functions.changed()
        self.mappings.changed()

    def reset(self) -> None:
        """Drop every function and mapping."""
        self.mappings.reset()
        self.functions.reset()

    def retire(self) -> None:
        """End the workers of its functions."""
        for name in self.functions.names():
            self.region.workers.retire(name)

    def find(self, arn: str) -> Any:
        """Return moto's function of an ARN. Raises LookupError if it does not exist."""
        return self.functions.find(arn)

    def deliver(self, message: Message) -> None:
        """Invoke a function asynchronously."""
        trace = message.delivery.trace if message.delivery else ""
        self.functions.invoke_async(self.functions.find(message.target["Arn"]), message.body.encode(), trace)

    def resource_policy(self, arn: str) -> Any:
        """Return the policy of a function; None if it has none."""
        from moto.awslambda.exceptions import UnknownFunctionException

        if ":function:" not in arn:
            return None
        with contextlib.suppress(UnknownFunctionException):
            function = self.region.backends.lambda_.get_function(arn)
            return {"Version": "2012-10-17", "Statement": function.policy.statements}
        return None
