"""What the local cloud refuses of a deployment: found in the templates, all at once, before anything is changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from millrace.local.cloudformation.assembly import Stack
from millrace.local.cloudformation.deployment import DeploymentError
from millrace.local.cloudformation.intrinsics import UnsupportedIntrinsicError, unsupported_functions
from millrace.local.cloudformation.nested_templates import nested_stacks
from millrace.local.cloudformation.registry import (
    IGNORED,
    UnsupportedError,
    foreign_runtime,
    is_custom,
    resource_type,
)
from millrace.local.cloudformation.registry.errors import UnsupportedPropertyError, UnsupportedTypeError
from millrace.local.cloudformation.template import ResourceDefinition, TemplateError

Check = Callable[[ResourceDefinition], Iterable[Exception]]


@dataclass(frozen=True)
class Options:
    """How to deploy. Resources of the types and within the construct paths in `skip` are left out.

    `parameters` are values of template parameters, by NAME or STACK:NAME.
    """

    skip: frozenset[str] = frozenset()
    parameters: Mapping[str, str] = field(default_factory=dict)

    def parameters_of(self, stack: Stack) -> dict[str, str]:
        """Return the values for the parameters that a stack declares."""
        declared = stack.template.body.get("Parameters", {})
        names = {name: self.parameters.get(f"{stack.name}:{name}", self.parameters.get(name)) for name in declared}
        return {name: value for name, value in names.items() if value is not None}

    def skipped(self, stack: Stack) -> dict[str, str]:
        """Return the types of the resources to leave out, by logical id."""
        resources = stack.template.resources
        return {name: resources[name].type for name in sorted(stack.template.skipped(self.skip))}


class RefusedDeploymentError(DeploymentError):
    """Everything that the local cloud refuses of a deployment. The message lists it, with what to do."""

    def __init__(self, refusals: Sequence[DeploymentError]) -> None:
        first = refusals[0]
        self.refusals = list(refusals)
        self.stack, self.cause = first.stack, first.cause
        self.logical_id, self.type, self.path = first.logical_id, first.type, first.path
        count = "1 part" if len(refusals) == 1 else f"{len(refusals)} parts"
        lines = [f"{number}. {each}\n   fix: {_fix(each)}" for number, each in enumerate(refusals, 1)]
        Exception.__init__(
            self, "\n".join([f"The local cloud refuses {count} of this deployment. It has changed nothing.", *lines])
        )


def _fix(refusal: DeploymentError) -> str:
    if isinstance(refusal.cause, UnsupportedTypeError) or (refusal.type and is_custom(refusal.type)):
        return f"deploy without it, if it does not matter locally: --skip {refusal.type}"
    if isinstance(refusal.cause, UnsupportedIntrinsicError):
        return "write the value into the template, or pass it as a parameter"
    if refusal.type:
        return f"remove it from the template, or deploy without the construct: --skip {_construct(refusal)}"
    return "see the message"


def _construct(refusal: DeploymentError) -> str:
    """Return the path of the construct that created the resource."""
    return str(refusal.path).removesuffix("/Resource").removesuffix("/Default")


def check(
    stacks: Iterable[Stack], options: Options, more: Callable[[Stack], Iterable[DeploymentError]] = lambda _: ()
) -> None:
    """Raise RefusedDeploymentError for everything that the local cloud does not support, in nested stacks as well.

    `more` adds to it.
    """
    found: list[DeploymentError] = []
    for stack in stacks:
        found += [*refusals_of(stack, options.skip), *more(stack)]
        found += (refusal for nested in nested_stacks(stack) for refusal in refusals_of(nested, options.skip))
    if found:
        raise RefusedDeploymentError(found)


def refusals_of(stack: Stack, skip: frozenset[str] = frozenset()) -> Iterator[DeploymentError]:
    """Yield an error for each type, property, attribute and function that the local cloud does not support."""
    skipped = stack.template.skipped(skip)
    for definition in stack.template.resources.values():
        if definition.type not in IGNORED and definition.logical_id not in skipped:
            for error in _of_resource(stack, definition, skipped):
                yield DeploymentError(stack, error, definition)
    for error in _of_references(stack, "Outputs", stack.template.outputs, skipped):
        yield DeploymentError(stack, error)


def _of_resource(stack: Stack, definition: ResourceDefinition, skipped: frozenset[str]) -> Iterator[Exception]:
    try:
        declared = resource_type(definition.type, definition.logical_id)
    except UnsupportedTypeError as error:
        yield error
        return
    for name in definition.properties:
        yield from _raised(partial(declared.check_properties, definition.logical_id, [name]))
    for name in declared.unsupported(definition.properties):
        yield UnsupportedPropertyError(f"{definition.type}: {name}", definition.logical_id)
    if is_custom(definition.type):
        yield from _of_custom_resource(stack, definition)
    if "ImageUri" in (definition.properties.get("Code") or {}):
        reason = "the local cloud runs functions from zip files only, without Docker"
        yield UnsupportedError("the container image", definition.logical_id, reason)
    yield from _of_references(stack, definition.logical_id, definition.properties, skipped)
    yield from unsupported_functions(definition.properties, definition.location)


def _of_custom_resource(stack: Stack, definition: ResourceDefinition) -> Iterator[Exception]:
    runtime = foreign_runtime(stack.template.body["Resources"], definition.logical_id)
    if runtime:
        reason = f"its function has the runtime {runtime}, and the local cloud runs Python functions only"
        yield UnsupportedError(f"the custom resource {definition.type}", definition.logical_id, reason)


def _of_references(stack: Stack, referrer: str, value: Any, skipped: frozenset[str]) -> Iterator[Exception]:
    try:
        references = list(stack.template.references(value, referrer))
    except TemplateError as error:
        yield error
        return
    for reference in references:
        target = stack.template.resources.get(reference.logical_id)
        if reference.attribute is None or target is None or target.logical_id in skipped:
            continue
        try:
            declared = resource_type(target.type, target.logical_id)
        except UnsupportedTypeError:
            continue  # the target itself is refused
        yield from _raised(partial(declared.check_attribute, referrer, reference.attribute))


def _raised(action: Callable[[], None]) -> Iterator[Exception]:
    try:
        action()
    except (UnsupportedError, TemplateError) as error:
        yield error
