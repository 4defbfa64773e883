"""Reads and checks the content of CreateStack, UpdateStack and CreateChangeSet."""

from collections.abc import Iterable

from millrace.local.cloudformation.api import templates
from millrace.local.cloudformation.api.protocol import Params, validation_error
from millrace.local.cloudformation.api.records import StackRecord, StackRequest
from millrace.local.cloudformation.assembly import Stack
from millrace.local.cloudformation.deployment import DeploymentError
from millrace.local.cloudformation.parameters import ParameterError, resolve_parameters
from millrace.local.cloudformation.refusals import Options, check
from millrace.local.cloudformation.registry.calls import Clients

_SETTINGS = ("NotificationARNs", "RollbackConfiguration", "RoleARN", "Capabilities")
_UNSUPPORTED = ("DisableRollback", "ResourcesToImport", "StackPolicyBody", "StackPolicyURL")


def read_request(params: Params, record: StackRecord | None, clients: Clients) -> StackRequest:
    """Read a request. Missing tags and previous values come from the stack's last request.

    Raises ApiError for an invalid or unsupported request.
    """
    reject_unsupported(params, _UNSUPPORTED)
    previous = record.request if record else None
    text = _template_text(params, previous, clients)
    template = templates.parse(text)
    parameters = _parameters(params, previous)
    try:
        check([Stack(params["StackName"], template)], Options())
        resolved = resolve_parameters(template, parameters, clients)
    except (DeploymentError, ParameterError) as error:
        raise validation_error(str(error)) from error
    templates.check_capabilities(template, params.get("Capabilities", []))
    settings = {name: params[name] for name in _SETTINGS if name in params}
    tags = params.get("Tags", previous.tags if previous else ())
    return StackRequest(text, template, parameters, resolved, tuple(tags), settings)


def reject_unsupported(params: Params, names: Iterable[str]) -> None:
    """Raise ApiError for a parameter that the local cloud does not support."""
    for name in names:
        if params.get(name):
            raise validation_error(f"{name} is not supported by Millrace's local cloud. Leave it out.")


def has_same_outputs_and_tags(previous: StackRequest | None, request: StackRequest) -> bool:
    """Return whether a request changes at most resources."""
    if previous is None:
        return False
    return (previous.template.outputs, previous.tags) == (request.template.outputs, request.tags)


def _template_text(params: Params, previous: StackRequest | None, clients: Clients) -> str:
    if params.get("UsePreviousTemplate"):
        if previous is None:
            raise validation_error("UsePreviousTemplate cannot be true, there is no previous template.")
        return previous.text
    text = templates.text_of(params, clients)
    if text is None:
        raise validation_error("Either Template URL or Template Body must be specified.")
    return text


def _parameters(params: Params, previous: StackRequest | None) -> dict[str, str]:
    found = {}
    for parameter in params.get("Parameters", ()):
        name = parameter["ParameterKey"]
        if not parameter.get("UsePreviousValue"):
            found[name] = parameter.get("ParameterValue", "")
        elif previous and name in previous.parameters:
            found[name] = previous.parameters[name]
        elif previous is None or name not in previous.template.body.get("Parameters", {}):
            raise validation_error(
                f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for it."
            )
    return found
