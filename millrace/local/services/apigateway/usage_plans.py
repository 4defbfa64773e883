"""API keys and usage plans of REST APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html
"""

from millrace.local.cloudformation.registry.calls import Call, Values, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.types import ResourceType

_SERVICE = "apigateway"

API_KEY = ResourceType(
    "AWS::ApiGateway::ApiKey",
    _SERVICE,
    name=Name("Name", 128),
    create=Call(
        "create_api_key",
        props("CustomerId", "Description", "Enabled", "GenerateDistinctId", "Name", "StageKeys", "Tags", "Value"),
    ),
    id="{id}",
    attributes={"APIKeyId": "{id}"},
    delete=(Call("delete_api_key", by={"apiKey": "{id}"}),),
    immutable=frozenset({"CustomerId", "Description", "Enabled", "GenerateDistinctId", "Name", "StageKeys", "Value"}),
)

USAGE_PLAN = ResourceType(
    "AWS::ApiGateway::UsagePlan",
    _SERVICE,
    name=Name("UsagePlanName", 128),
    create=Call(
        "create_usage_plan",
        props("ApiStages", "Description", "Quota", "Tags", "Throttle", UsagePlanName="name"),
    ),
    id="{id}",
    attributes={"Id": "{id}"},
    delete=(Call("delete_usage_plan", by={"usagePlanId": "{id}"}),),
    immutable=frozenset({"ApiStages", "Description", "Quota", "Throttle", "UsagePlanName"}),
)


def _key_id(values: Values) -> str:
    return f"{values['KeyId']}:{values['UsagePlanId']}"


USAGE_PLAN_KEY = ResourceType(
    "AWS::ApiGateway::UsagePlanKey",
    _SERVICE,
    create=Call("create_usage_plan_key", props("KeyId", "KeyType", "UsagePlanId")),
    id=_key_id,
    attributes={"Id": _key_id},
    delete=(Call("delete_usage_plan_key", by={"keyId": "{KeyId}", "usagePlanId": "{UsagePlanId}"}),),
    immutable=frozenset({"KeyId", "KeyType", "UsagePlanId"}),
)
