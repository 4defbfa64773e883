"""Authorizers of an API: IAM, JWT, or none.

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

Kind = Literal["iam", "jwt", "open"]


class Authorizer(ABC):
    """How an API authorizes its callers. Its functions read `kind` from the environment."""

    kind: Kind
    reason: str | None = None

    @abstractmethod
    def route_authorizer(self, api: str) -> tuple[apigateway.IHttpRouteAuthorizer | None, list[str]]:
        """Return CDK's authorizer for all routes of an API, and the scopes that a token needs."""

    @abstractmethod
    def security_scheme(self) -> Mapping[str, Any]:
        """Return the OpenAPI security scheme by its name."""

    def acknowledge_findings(self, route: IConstruct) -> None:
        """Acknowledge findings about a route without authorization."""
        if self.reason:
            acknowledge(route, self.reason, "AwsSolutions-APIG4", "CKV_AWS_309")


@dataclass(frozen=True)
class IamAuthorizer(Authorizer):
    """Callers sign requests with SigV4, and their policies allow `execute-api:Invoke`. This is the default."""

    kind = "iam"

    def route_authorizer(self, api: str) -> tuple[apigateway.IHttpRouteAuthorizer | None, list[str]]:  # noqa: ARG002
        """Return the IAM authorizer."""
        return authorizers.HttpIamAuthorizer(), []

    def security_scheme(self) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authtype.html."""
        scheme = {"type": "apiKey", "name": "Authorization", "in": "header"}
        return {"iam": {**scheme, "x-amazon-apigateway-authtype": "awsSigv4"}}


@dataclass(frozen=True)
class JwtAuthorizer(Authorizer):
    """Callers send a token of `issuer` for one of `audience`.

    Commands and queries need one of `scopes`, if there are any; `POST /events` needs `events:<source>`.
    """

    issuer: str
    audience: Sequence[str]
    scopes: Sequence[str] = ()
    kind = "jwt"

    def route_authorizer(self, api: str) -> tuple[apigateway.IHttpRouteAuthorizer | None, list[str]]:
        """Return one JWT authorizer for all routes."""
        authorizer = authorizers.HttpJwtAuthorizer(f"{api}Tokens", self.issuer, jwt_audience=list(self.audience))
        return authorizer, list(self.scopes)

    def security_scheme(self) -> Mapping[str, Any]:
        """Return the bearer scheme."""
        return {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}


@dataclass(frozen=True)
class NoAuthorizer(Authorizer):
    """The API is public. The template contains the `reason`."""

    reason: str
    kind = "open"

    def route_authorizer(self, api: str) -> tuple[apigateway.IHttpRouteAuthorizer | None, list[str]]:  # noqa: ARG002
        """Return no authorizer."""
        return None, []

    def security_scheme(self) -> Mapping[str, Any]:
        """Return no scheme."""
        return {}
