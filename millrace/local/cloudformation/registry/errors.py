"""Errors of the registry."""

from typing import ClassVar


class UnsupportedError(Exception):
    """Something in a template that the local cloud does not support."""

    message: ClassVar[str] = "the local cloud does not support {name}, used by {logical_id}"

    def __init__(self, name: str, logical_id: str, reason: str = "") -> None:
        super().__init__(f"{self.message.format(name=name, logical_id=logical_id)}{reason and f': {reason}'}")


class UnsupportedTypeError(UnsupportedError):
    """A resource type that no service declares."""

    message = "the local cloud does not support the resource type {name}, used by {logical_id}"


class UnsupportedPropertyError(UnsupportedError):
    """A property, at any depth, that the resource type does not declare."""

    message = "the local cloud does not support the property {name}, used by {logical_id}"


class UnsupportedAttributeError(UnsupportedError):
    """An attribute of Fn::GetAtt that the resource type does not declare."""

    message = "the local cloud does not support the attribute {name}, used by {logical_id}"


class MissingDefaultError(UnsupportedError):
    """A property that an update removes although its default is not declared."""

    message = "the property {name} cannot be removed from {logical_id}, because its default is not declared"


class CallError(RuntimeError):
    """A call that AWS answered with status 200 and a list of failed entries."""


class UnknownMemberError(KeyError):
    """A key that the API has no member for. Its argument is the path below the property, such as `.Outer[0].Inner`."""
