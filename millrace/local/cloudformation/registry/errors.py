"""What the registry refuses, each by the name that the template gives it."""


class Refused(Exception):
    """Something in a template that the local cloud does not make. The text names it and its place."""

    def __init__(self, what: str, logical_id: str, why: str = "") -> None:
        super().__init__(f"{type(self).__name__}: {what} at {logical_id}{why and f': {why}'}")


class UnknownType(Refused):
    """A resource type that the registry does not declare."""


class UnknownProperty(Refused):
    """A property, at any depth, that is neither passed to AWS's API nor kept on the record."""


class UnknownAttribute(Refused):
    """A Fn::GetAtt of something that the type does not give."""


class CannotUnset(Refused):
    """A property that an update leaves out, and whose default is not declared."""
