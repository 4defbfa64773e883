"""Lambda, Step Functions, Scheduler and API Gateway: what their operations need."""

from millrace.local.services.iam.calls import Call
from millrace.local.services.iam.facts import Permission
from millrace.local.services.iam.permissions.messages import passed
from millrace.local.services.iam.resource_lookup import ResourceLookup

_INVOCATIONS = {"Invoke", "InvokeAsync", "InvokeWithResponseStream"}


def lambda_(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """The function, with its qualifier where one is named.

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
        *passed(call.params.get("Role"), "lambda.amazonaws.com"),
    ]


def _function(call: Call, name: str) -> str:
    """The ARN of a function that is named, or by account and name."""
    return call.arn("function:" + name.rpartition("function:")[2])


def states(call: Call, places: ResourceLookup) -> list[Permission]:
    """The state machine or execution; for a task token, the state machine that waits for it.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_stepfunctions.html
    """
    action = f"states:{call.operation}"
    if "taskToken" in call.params:
        waiting = places.machine_of(str(call.params["taskToken"]))
        return (
            [Permission(action, waiting)] if waiting else []
        )  # Step Functions itself says that there is no such token
    resource = call.first(*_STATES, ("name", "activity:{}" if "Activity" in call.operation else "stateMachine:{}"))
    return [Permission(action, resource), *passed(call.params.get("roleArn"), "states.amazonaws.com")]


_STATES = tuple(
    (f"{name}Arn", "{}")
    for name in (
        "execution",
        "stateMachine",
        "stateMachineAlias",
        "stateMachineVersion",
        "activity",
        "mapRun",
        "resource",
    )
)


def scheduler(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """The schedule in its group; making one hands over the role of its target.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgescheduler.html
    """
    group = call.params.get("GroupName") or call.params.get("groupName") or "default"
    form = "schedule-group/{}" if call.operation.endswith("Group") else f"schedule/{group}/{{}}"
    role = (call.params.get("Target") or {}).get("RoleArn")
    resource = call.first(("ResourceArn", "{}"), ("Name", form))
    return [Permission(f"scheduler:{call.operation}", resource), *passed(role, "scheduler.amazonaws.com")]


def execute_api(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """A message to a WebSocket connection. The API is the first label of the host's name, or unknown.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
    """
    api = (
        call.request.headers.get("host", "").partition(".")[0]
        if "execute-api" in call.request.headers.get("host", "")
        else "*"
    )
    resource = f"{api}/*/{call.request.method}/@connections/{call.params.get('ConnectionId', '*')}"
    return [Permission("execute-api:ManageConnections", call.arn(resource))]
