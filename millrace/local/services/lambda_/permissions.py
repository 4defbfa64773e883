"""The permissions that Lambda's operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission, passed

_INVOCATIONS = {"Invoke", "InvokeAsync", "InvokeWithResponseStream"}


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on a function, layer or event source mapping, and to pass a function's role.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
    """

    def layer(name: str) -> str:
        version = call.params.get("VersionNumber")
        return call.arn(f"layer:{name}:{version}" if version else f"layer:{name}")

    operation = "InvokeFunction" if call.operation in _INVOCATIONS else call.operation
    resource = call.first(
        ("FunctionName", lambda name: _function(call, name)),
        ("LayerName", layer),
        ("UUID", "event-source-mapping:{}"),
        ("Resource", "{}"),
    )
    qualifier = call.params.get("Qualifier")
    if qualifier and ":function:" in resource and resource.count(":") == 6:  # noqa: PLR2004 - no qualifier yet
        resource += f":{qualifier}"
    return [
        Permission(f"lambda:{operation}", resource),
        *passed({"Role": call.params.get("Role")}, "lambda.amazonaws.com"),
    ]


def _function(call: Call, name: str) -> str:
    """Return the ARN of a function from its name, partial ARN or ARN."""
    return call.arn("function:" + name.rpartition("function:")[2])


REQUIRED = {"lambda": required}
