"""What a request asks for, read and checked, before anything is made."""

from collections.abc import Mapping
from typing import Any

from millrace.local.cloudformation.api import templates
from millrace.local.cloudformation.api.protocol import invalid
from millrace.local.cloudformation.api.records import Order, Record
from millrace.local.cloudformation.assembly import Stack
from millrace.local.cloudformation.deployment import DeploymentFailed
from millrace.local.cloudformation.loader import check
from millrace.local.cloudformation.parameters import ParameterError, resolved
from millrace.local.cloudformation.registry.calls import Clients

_SETTINGS = ("NotificationARNs", "RollbackConfiguration", "RoleARN", "Capabilities")
_REFUSED = ("DisableRollback", "ResourcesToImport", "StackPolicyBody", "StackPolicyURL")


def order(given: Mapping[str, Any], record: Record | None, clients: Clients) -> Order:
    """The order of CreateStack, UpdateStack or CreateChangeSet; what it leaves out is taken from the stack's last one.

    Raises Refusal, as for a type or a property that the local cloud does not make.
    """
    refuse(given, _REFUSED)
    before = record.order if record else None
    text = _text(given, before, clients)
    template = templates.read(text)
    parameters = _parameters(given, before)
    try:
        check(Stack(given["StackName"], template))
        found = resolved(template, parameters, clients)
    except (DeploymentFailed, ParameterError) as error:
        raise invalid(str(error)) from error
    templates.check_capabilities(template, given.get("Capabilities", []))
    settings = {name: given[name] for name in _SETTINGS if name in given}
    tags = given.get("Tags", before.tags if before else ())
    return Order(text, template, parameters, found, tuple(tags), settings)


def refuse(given: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Raise Refusal for what is asked for and not done here."""
    for name in names:
        if given.get(name):
            raise invalid(f"Refused: {name} is not supported by Millrace's local cloud. Leave it out.")


def same(one: Order | None, other: Order) -> bool:
    """Whether two orders differ in nothing that CloudFormation looks at, their resources aside."""
    if one is None:
        return False
    return (one.template.outputs, list(one.tags)) == (other.template.outputs, list(other.tags))


def _text(given: Mapping[str, Any], before: Order | None, clients: Clients) -> str:
    if given.get("UsePreviousTemplate"):
        if before is None:
            raise invalid("UsePreviousTemplate cannot be true, there is no previous template.")
        return before.text
    text = templates.text_of(given, clients)
    if text is None:
        raise invalid("Either Template URL or Template Body must be specified.")
    return text


def _parameters(given: Mapping[str, Any], before: Order | None) -> dict[str, str]:
    found = {}
    for each in given.get("Parameters", ()):
        name = each["ParameterKey"]
        if not each.get("UsePreviousValue"):
            found[name] = each.get("ParameterValue", "")
        elif before and name in before.parameters:
            found[name] = before.parameters[name]
        elif before is None or name not in before.template.body.get("Parameters", {}):
            raise invalid(f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for it.")
    return found
