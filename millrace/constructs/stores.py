"""The tables that handlers ask for: environment, permission, and an error that names what is missing."""

from collections.abc import Iterable, Mapping

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from millrace.constructs.encryption import TABLE, grant_key
from millrace.runtime import Declaration
from millrace.runtime.stores import table_variable

Tables = Mapping[str, dynamodb.ITable]
_ACTIONS = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query")
"""What millrace.runtime.Table can do, and no more."""


class MissingTable(LookupError):
    """The tables that a construct is given are not those that its handlers ask for."""


def check_tables(place: str, declarations: Iterable[Declaration], tables: Tables) -> None:
    """Raise MissingTable unless each table that is asked for is given, and none besides."""
    asked = {name for declaration in declarations for name in declaration.tables}
    for declaration in declarations:
        for name in declaration.tables:
            if name not in tables:
                raise MissingTable(
                    f"{declaration.module}.{declaration.attribute} asks for the table {name!r}: "
                    f"give {place} tables={{{name!r}: …}}."
                )
    for name in tables:
        if name not in asked:
            raise MissingTable(
                f"{place} is given the table {name!r}, and none of its handlers "
                f"({', '.join(d.name for d in declarations)}) has a parameter {name!r}: "
                f"take it out, or write '{name}: Table' in the signature."
            )


def table_environment(declaration: Declaration, tables: Tables) -> dict[str, str]:
    """The environment that names a handler's tables."""
    return {table_variable(name): tables[name].table_name for name in declaration.tables}


def grant_tables(role: iam.IRole, declaration: Declaration, tables: Tables) -> None:
    """Let a handler do with its tables what millrace.runtime.Table can, and use their keys for that."""
    for name in declaration.tables:
        tables[name].grant(role, *_ACTIONS)
        grant_key(tables[name].encryption_key, role, "dynamodb", TABLE)
