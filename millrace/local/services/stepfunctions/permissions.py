"""The permissions that Step Functions' operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission, passed
from millrace.local.services.stepfunctions.service import StepFunctions

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


def required(call: Call, region: AccountRegion) -> list[Permission]:
    """Return the permission on the state machine or execution; for a task token, on the waiting state machine.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_stepfunctions.html
    """
    action = f"states:{call.operation}"
    if "taskToken" in call.params:
        machine = region.service(StepFunctions).machine_of(str(call.params["taskToken"]))
        return [Permission(action, machine)] if machine else []  # Step Functions rejects an unknown token
    resources = call.each(*_STATES)
    if resources == ["*"]:
        resources = call.each(("name", "activity:{}" if "Activity" in call.operation else "stateMachine:{}"))
    own = [Permission(action, each) for each in resources]
    return [*own, *passed(call.params, "states.amazonaws.com")]


REQUIRED = {"states": required}
