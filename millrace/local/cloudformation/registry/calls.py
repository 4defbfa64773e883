"""One call of AWS's public API, declared: which properties become which arguments, and what identifies the resource."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.client import BaseClient
from botocore.model import Shape

from millrace.local.cloudformation.registry.errors import UnknownProperty
from millrace.local.cloudformation.registry.shapes import NoSuchMember, member, shaped

Clients = Callable[[str], BaseClient]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Cloud:
    """Where resources are made. `clients` gives the boto3 client of a service, the same one each time."""

    clients: Clients
    account: str
    region: str
    partition: str = "aws"

    @cached_property
    def values(self) -> dict[str, Any]:
        """What a template of an ARN may name besides a resource's own values; a bucket has no location at S3's home.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html
        """
        named = {"account": self.account, "region": self.region, "partition": self.partition}
        return named if self.region == "us-east-1" else named | {"location": self.region}


class CallFailed(RuntimeError):
    """A call that AWS answered with 200 and a list of what failed."""


@dataclass(frozen=True)
class Take:
    """The argument that one property becomes; a dot leads into a structure or a map.

    An empty one means that the members of the property are arguments themselves.
    """

    argument: str
    form: Callable[[Any], Any] | None = None


Takes = Mapping[str, Take]


def props(*same: str, **renamed: str) -> dict[str, Take]:
    """Properties whose arguments have the same name, whatever its case, and those that have another."""
    return {name: Take(name) for name in same} | {name: Take(argument) for name, argument in renamed.items()}


def inside(argument: str, *names: str) -> dict[str, Take]:
    """Properties that are members of one argument."""
    return {name: Take(f"{argument}.{name}") for name in names}


@dataclass(frozen=True)
class Call:
    """An operation by boto3's name. `by` holds further arguments, as templates over the resource's values.

    What `takes` names in lower case is no property, but a value of the cloud, as `location`, where it has one.
    """

    operation: str
    takes: Takes = field(default_factory=dict)
    by: Mapping[str, str] = field(default_factory=dict)

    def run(self, client: BaseClient, values: Values, place: tuple[str, str]) -> dict[str, Any]:
        """Make the call with what `values` holds. `place` is the type and the logical id, for what is refused."""
        response: dict[str, Any] = getattr(client, self.operation)(**self.arguments(client, values, place))
        if response.get("FailedEntryCount"):
            raise CallFailed(f"{self.operation}: {response['FailedEntries']}")
        return response

    def arguments(self, client: BaseClient, values: Values, place: tuple[str, str]) -> dict[str, Any]:
        """The arguments in the form that the API's own model asks for."""
        shape = input_shape(client, self.operation)
        found: dict[str, Any] = {}
        for argument, template in self.by.items():
            _put(found, shape, argument, template.format_map(values))
        for name, take in self.takes.items():
            if name in values:
                value = take.form(values[name]) if take.form else values[name]
                try:
                    _put(found, shape, take.argument, value)
                except NoSuchMember as error:
                    known = values["member_of"] if name == "member" else name
                    raise UnknownProperty(f"{place[0]}.{known}{error.args[0]}", place[1]) from None
        return found


def input_shape(client: BaseClient, operation: str) -> Shape:
    """What an operation takes, as botocore's model of the service says."""
    api_name = client.meta.method_to_api_mapping[operation]
    shape = client.meta.service_model.operation_model(api_name).input_shape
    if shape is None:
        raise TypeError(f"{api_name} takes no arguments, so no property can be passed to it.")
    return shape


def _put(found: dict[str, Any], shape: Shape, path: str, value: Any) -> None:
    if not path:
        found |= shaped(value, shape)
        return
    *outer, last = path.split(".")
    for step in outer:
        name, shape = member(shape, step)
        found = found.setdefault(name, {})
    name, shape = member(shape, last)
    found[name] = shaped(value, shape)
