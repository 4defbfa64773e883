"""What API Gateway rejects about an integration or an authorizer, and what the local cloud does not serve.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html
https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html
"""

from collections.abc import Mapping
from typing import Any

from millrace.local.services.apigatewayv2.http_integrations import not_loopback
from millrace.local.services.apigatewayv2.parameter_mapping import invalid_mapping
from millrace.local.services.apigatewayv2.service_integrations import SUBTYPES, invalid_parameters

_FORMATS = ("1.0", "2.0")
_MAX_TTL_SECONDS = 3600
Properties = Mapping[str, Any]
"""Properties as CloudFormation names them, with the response parameters as the API has them."""


def unsupported_integration(given: Properties) -> str | None:
    """Return what the local cloud does not serve."""
    kind, subtype = given.get("IntegrationType"), given.get("IntegrationSubtype")
    if kind not in ("AWS_PROXY", "HTTP_PROXY"):
        return f"IntegrationType {kind!r}: use AWS_PROXY or HTTP_PROXY"
    if (given.get("ConnectionType") or "INTERNET") != "INTERNET":
        return f"ConnectionType {given['ConnectionType']!r}: use INTERNET"
    if subtype == "AppConfig-GetConfiguration":
        return f"IntegrationSubtype {subtype!r}: use one of {', '.join(SUBTYPES)}"
    if kind == "HTTP_PROXY" and (reason := not_loopback(str(given.get("IntegrationUri")))):
        return f"IntegrationUri {given.get('IntegrationUri')!r}: {reason}"
    return None


def invalid_integration(given: Properties) -> str | None:
    """Return why API Gateway rejects an integration."""
    subtype, form = given.get("IntegrationSubtype"), given.get("PayloadFormatVersion") or "1.0"
    if form not in (_FORMATS if given.get("IntegrationType") == "AWS_PROXY" and not subtype else _FORMATS[:1]):
        return f"PayloadFormatVersion {form} is not supported for this integration"
    if not subtype:
        return invalid_mapping(given)
    if subtype not in SUBTYPES:
        return f"Operation: {subtype} is not supported."
    if not given.get("CredentialsArn"):
        return f"CredentialsArn is required for integrations with the subtype {subtype}"
    responses = {"ResponseParameters": given.get("ResponseParameters")}
    return invalid_parameters(subtype, given.get("RequestParameters") or {}) or invalid_mapping(responses)


def invalid_authorizer(given: Properties) -> str | None:
    """Return why API Gateway rejects an authorizer."""
    kind, form = given.get("AuthorizerType"), given.get("AuthorizerPayloadFormatVersion")
    seconds = int(given.get("AuthorizerResultTtlInSeconds") or 0)
    problems = {
        f"AuthorizerType {kind} is not supported: use JWT or REQUEST": kind != "REQUEST",
        "AuthorizerUri is required for REQUEST authorizers": not given.get("AuthorizerUri"),
        "AuthorizerPayloadFormatVersion of REQUEST authorizers must be 1.0 or 2.0": form not in _FORMATS,
        "EnableSimpleResponses needs AuthorizerPayloadFormatVersion 2.0": given.get("EnableSimpleResponses")
        and form != "2.0",
        f"AuthorizerResultTtlInSeconds {seconds} is not between 0 and 3600": not 0 <= seconds <= _MAX_TTL_SECONDS,
        "AuthorizerResultTtlInSeconds needs an IdentitySource": seconds and not given.get("IdentitySource"),
    }
    return next((text for text, found in problems.items() if found), None) if kind != "JWT" else None
