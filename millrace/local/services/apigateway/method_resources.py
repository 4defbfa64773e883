"""Methods of REST APIs, with their integrations and responses.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-method.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.errors import UnsupportedError
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Step, StepContext
from millrace.local.services.apigateway.integrations import unsupported
from millrace.local.services.apigateway.templates import TemplateSyntaxError, check

_SERVICE = "apigateway"
_API = {"restApiId": "{RestApiId}"}
_METHOD = {**_API, "resourceId": "{ResourceId}", "httpMethod": "{HttpMethod}"}
_PUT_METHOD = Call(
    "put_method",
    props(
        "ApiKeyRequired",
        "AuthorizationScopes",
        "AuthorizationType",
        "AuthorizerId",
        "OperationName",
        "RequestModels",
        "RequestParameters",
        "RequestValidatorId",
    ),
    _METHOD,
)
_WHOLE = {"member": Argument("")}
_PUT_INTEGRATION = Call("put_integration", _WHOLE, _METHOD)
_PUT_RESPONSE = Call("put_method_response", _WHOLE, _METHOD)
_PUT_INTEGRATION_RESPONSE = Call("put_integration_response", _WHOLE, _METHOD)
_DELETE_METHOD = Call("delete_method", by=_METHOD)


@dataclass(frozen=True)
class _Method(Step):
    """A method with its integration and responses. A change replaces all of them."""

    properties: frozenset[str] = frozenset({*_PUT_METHOD.arguments, "Integration", "MethodResponses"})

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (_PUT_METHOD, _PUT_INTEGRATION, _PUT_RESPONSE, _PUT_INTEGRATION_RESPONSE, _DELETE_METHOD)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Put the method, its integration and the responses of both."""
        if before == context.properties:
            return {}
        if before is not None:
            context.call(_DELETE_METHOD)
        context.call_with(_PUT_METHOD, context.properties)
        integration = dict(context.properties.get("Integration") or {})
        responses = integration.pop("IntegrationResponses", ())
        integration["IntegrationHttpMethod"] = integration.get("IntegrationHttpMethod") or "POST"
        self._put(context, _PUT_INTEGRATION, "Integration", [integration])
        self._put(context, _PUT_RESPONSE, "MethodResponses", context.properties.get("MethodResponses") or ())
        self._put(context, _PUT_INTEGRATION_RESPONSE, "Integration", responses)
        return {}

    def _put(self, context: StepContext, call: Call, name: str, members: Iterable[Any]) -> None:
        for member in members:
            context.call(call, member=member, member_of=name)


def _checked(properties: Properties) -> Properties:
    """Return the properties of a method, or raise UnsupportedError for an integration that is not served."""
    integration = properties.get("Integration") or {"Type": "MOCK"}
    where = f"{properties.get('HttpMethod')} of {properties.get('ResourceId')}"
    if refused := unsupported(str(integration.get("Type")), str(integration.get("Uri", ""))):
        raise UnsupportedError(refused[0], where, refused[1])
    for template in _templates(integration):
        try:
            check(template)
        except TemplateSyntaxError as error:
            raise UnsupportedError(f"the mapping template {template!r}", where, str(error)) from error
    return properties


def _templates(integration: Mapping[str, Any]) -> Iterable[str]:
    yield from (integration.get("RequestTemplates") or {}).values()
    for response in integration.get("IntegrationResponses") or ():
        yield from (response.get("ResponseTemplates") or {}).values()


METHOD = ResourceType(
    "AWS::ApiGateway::Method",
    _SERVICE,
    create=None,
    id="{RestApiId}-{ResourceId}-{HttpMethod}",
    steps=(_Method(),),
    delete=(_DELETE_METHOD,),
    immutable=frozenset({"HttpMethod", "ResourceId", "RestApiId"}),
    other_properties=frozenset({"HttpMethod", "ResourceId", "RestApiId"}),
    defaults={"AuthorizationType": "NONE"},
    reshape=_checked,
)
