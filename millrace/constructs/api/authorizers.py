"""Who may call an API: whoever signs as IAM says, whoever has an issuer's token, or, by name and for a reason, anybody.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control.html
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from constructs import IConstruct

from millrace.constructs.observability.acknowledgements import acknowledge

Known = Literal["iam", "jwt", "open"]


class Authorizer(ABC):
    """How an API knows its callers. `known` is what its functions are told."""

    known: Known
    reason: str | None = None

    @abstractmethod
    def of_routes(self, api: str) -> tuple[apigateway.IHttpRouteAuthorizer | None, list[str]]:
        """CDK's authorizer for all routes of an API, and the scopes that a token needs."""

    @abstractmethod
    def security(self) -> Mapping[str, Any]:
        """The scheme in OpenAPI, by its name."""

    def acknowledge_at(self, route: IConstruct) -> None:
        """Say why a route is open, where it is."""
        if self.reason:
            acknowledge(route, self.reason, "AwsSolutions-APIG4", "CKV_AWS_309")


@dataclass(frozen=True)
class IamAuthorizer(Authorizer):
    """Requests are signed, and the signer's policies allow `execute-api:Invoke`: the default."""

    known = "iam"

    def of_routes(self, api: str) -> tuple[apigateway.IHttpRouteAuthorizer | None, list[str]]:  # noqa: ARG002
        """IAM's."""
        return authorizers.HttpIamAuthorizer(), []

    def security(self) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authtype.html."""
        scheme = {"type": "apiKey", "name": "Authorization", "in": "header"}
        return {"iam": {**scheme, "x-amazon-apigateway-authtype": "awsSigv4"}}


@dataclass(frozen=True)
class JwtAuthorizer(Authorizer):
    """Requests carry a token of `issuer` for one of `audience`.

    Commands and queries need one of `scopes`, where there are any; the door needs `events:<source>`.
    """

    issuer: str
    audience: Sequence[str]
    scopes: Sequence[str] = ()
    known = "jwt"

    def of_routes(self, api: str) -> tuple[apigateway.IHttpRouteAuthorizer | None, list[str]]:
        """One authorizer for all routes."""
        made = authorizers.HttpJwtAuthorizer(f"{api}Tokens", self.issuer, jwt_audience=list(self.audience))
        return made, list(self.scopes)

    def security(self) -> Mapping[str, Any]:
        """A bearer token."""
        return {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}


@dataclass(frozen=True)
class OpenToAll(Authorizer):
    """Anybody may call; `reason` says why that is right, and stands in the template."""

    reason: str
    known = "open"

    def of_routes(self, api: str) -> tuple[apigateway.IHttpRouteAuthorizer | None, list[str]]:  # noqa: ARG002
        """None."""
        return None, []

    def security(self) -> Mapping[str, Any]:
        """None."""
        return {}
