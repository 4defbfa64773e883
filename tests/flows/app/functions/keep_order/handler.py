"""Records the steps of each key in the order of their events."""

from functions.contracts.ordered import Stepped
from millrace.runtime import Table, processor, write_if


@processor
def handler(step: Stepped, seen: Table) -> None:
    """Fail if the event requests it; else record the step."""
    if step.fails == "always" or (step.fails == "once" and _first_time(step, seen)):
        raise RuntimeError(f"{step.key}{step.number} fails {step.fails}")
    seen.update_item(
        Key={"key": step.key},
        UpdateExpression="SET steps = list_append(if_not_exists(steps, :none), :step)",
        ExpressionAttributeValues={":none": [], ":step": [step.number]},
    )


def _first_time(step: Stepped, seen: Table) -> bool:
    return (
        write_if(
            seen.put_item,
            Item={"key": f"{step.key}{step.number} was tried"},
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": "key"},
        )
        is not None
    )
