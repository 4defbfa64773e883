"""One request to an HTTP API: its stage, its route and its integration.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from millrace.local.core.http import Request
from millrace.local.services.apigatewayv2.errors import internal_error, not_found
from millrace.local.services.apigatewayv2.payloads import Context
from millrace.local.services.apigatewayv2.routes import DEFAULT, Match, match

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


@dataclass(frozen=True)
class Call:
    """A request with moto's API, stage and route. The path of the request includes the stage."""

    api: Any
    stage: Any
    request: Request
    route: Any
    context: Context
    region: str
    path_in_stage: str

    @property
    def integration(self) -> Any:
        """Return the route's integration. Raises HttpError if it has none."""
        name = str(self.route.target or "").removeprefix("integrations/")
        if name not in self.api.integrations:
            raise internal_error(f"the route {self.route.route_key} has no integration")
        return self.api.integrations[name]

    @property
    def arn(self) -> str:
        """Return the ARN of the route in its stage."""
        key = self.route.route_key
        route = key if key == DEFAULT else f"{self.request.method}{key.partition(' ')[2]}"
        return f"{self._api_arn}/{self.stage.name}/{route}"

    @property
    def authorizer_arn(self) -> str:
        """Return the ARN of the route's authorizer, for which API Gateway invokes its function."""
        return f"{self._api_arn}/authorizers/{self.route.authorizer_id}"

    @property
    def _api_arn(self) -> str:
        return f"arn:aws:execute-api:{self.region}:{self.context.account}:{self.api.api_id}"

    def authorized(self, authorizer: dict[str, Any] | None) -> "Call":
        """Return the call with the result of its authorizer."""
        return replace(self, context=replace(self.context, authorizer=authorizer))


def call_of(region: "AccountRegion", api: Any, request: Request, request_id: str) -> Call:
    """Find the stage and the route of a request. Raises HttpError."""
    first, _, rest = request.path.removeprefix("/").partition("/")
    named = first in api.stages
    stage = api.stages.get(first if named else DEFAULT)
    if stage is None:
        raise not_found(f"the API {api.api_id} has neither a stage {first!r} nor {DEFAULT}")
    path = f"/{rest}" if named else request.path
    if named and first == DEFAULT:
        request = replace(request, path=path)
    found = match(api.routes.values(), request.method, path)
    if found is None:
        raise not_found(f"no route matches {request.method} {path}")
    context = _context(region, api, stage, request, found, request_id)
    return Call(api, stage, request, found.route, context, region.name, path)


def _context(region: "AccountRegion", api: Any, stage: Any, request: Request, found: Match, request_id: str) -> Context:
    return Context(
        account=region.account,
        api=api.api_id,
        domain=f"{api.api_id}.execute-api.localhost",
        stage=stage.name,
        route_key=found.route.route_key,
        path=request.path,
        request_id=request_id,
        received=region.clock.now(),
        parameters=found.parameters,
        variables=stage.stage_variables or {},
    )
