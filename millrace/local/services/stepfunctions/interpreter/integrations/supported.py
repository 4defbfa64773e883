"""What the local cloud cannot run. It refuses a definition that needs it.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError
from botocore.model import OperationNotFoundError

from millrace.local.services.stepfunctions.interpreter.definition import (
    ItemReader,
    MapState,
    Resource,
    StateMachine,
    TaskState,
)
from millrace.local.services.stepfunctions.interpreter.integrations.failures import model_of

SERVICES = frozenset({"apigateway", "dynamodb", "events", "http", "lambda", "sns", "sqs", "states"})
"""The optimized integrations that run here."""
_READ = frozenset({None, "CSV", "JSON", "JSONL", "MANIFEST"})


def unsupported(machine: StateMachine) -> str | None:
    """Return what the local cloud cannot run of a state machine, and where; None if it can run all of it."""
    return next(_findings(machine), None)


def _findings(machine: StateMachine) -> Iterator[str]:
    for state in machine.all_states:
        if isinstance(state, TaskState):
            yield from _of_resource(state.resource, state.name)
        if isinstance(state, MapState) and state.item_reader:
            yield from _of_reader(state.item_reader, state.name)


def _of_resource(resource: Resource, state: str) -> Iterator[str]:
    where = f"({resource.arn}, state '{state}')"
    if not resource.is_integration:
        return
    if resource.service.startswith("aws-sdk:"):
        try:
            action = resource.action
            model_of(resource.service).operation_model(action[:1].upper() + action[1:])
        except (BotoCoreError, OperationNotFoundError):
            yield f"The local cloud does not know the operation {resource.service}:{resource.action} {where}."
    elif resource.service not in SERVICES:
        yield (
            f"The local cloud does not run the integration {resource.service} {where}. "
            f"It runs {', '.join(sorted(SERVICES))}, aws-sdk, functions and activities."
        )
    if resource.pattern.startswith("sync") and resource.service != "states":
        yield f"The local cloud waits for executions only, not for {resource.service} {where}."


def _of_reader(reader: ItemReader, state: str) -> Iterator[str]:
    if reader.resource.service != "s3":
        yield f"The local cloud reads items from s3, not from {reader.resource.service} (state '{state}')."
    if reader.input_type not in _READ:
        yield f"The local cloud does not read the items of {reader.input_type} (state '{state}')."
    if reader.transformation == "LOAD_AND_FLATTEN":
        yield f"The local cloud does not read the items of LOAD_AND_FLATTEN (state '{state}')."
