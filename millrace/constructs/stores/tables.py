"""What handlers ask for besides events: environment, permission, and an error that names what is missing."""

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from millrace.constructs.bus.encryption import READ, TABLE, grant_key
from millrace.runtime import Declaration
from millrace.runtime.stores import table_variable

READS = ("dynamodb:GetItem", "dynamodb:Query")
WRITES = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query")
"""What millrace.runtime.Table can do, and no more."""


@runtime_checkable
class Opened(Protocol):
    """A construct that a handler can ask for, as it asks for a table: `offers` is the type of the parameter."""

    offers: str

    def variables(self, parameter: str) -> dict[str, str]:
        """The environment by which a handler finds it."""

    def admit(self, role: iam.IRole, declaration: Declaration, parameter: str) -> None:
        """Let a handler do with it what its parameter can."""


Tables = Mapping[str, dynamodb.ITable | Opened]
"""Tables, event stores and read models, by the names of the parameters that take them."""


class MissingTable(LookupError):
    """The tables that a construct is given are not those that its handlers ask for."""


def check_tables(place: str, declarations: Iterable[Declaration], tables: Tables) -> None:
    """Raise MissingTable unless each table that is asked for is given, of its kind, and none besides."""
    known = list(declarations)
    for declaration in known:
        for name, kind in declaration.asks.items():
            _check_given(place, declaration, name, kind, tables)
    for name in tables.keys() - {name for declaration in known for name in declaration.asks}:
        raise MissingTable(
            f"{place} is given the table {name!r}, and none of its handlers "
            f"({', '.join(d.name for d in known)}) has a parameter {name!r}: "
            f"take it out, or write '{name}: {_offer(tables[name])}' in the signature."
        )


def _check_given(place: str, declaration: Declaration, name: str, kind: str, tables: Tables) -> None:
    where = f"{declaration.module}.{declaration.attribute}"
    if name not in tables:
        thing = "the table" if kind == "Table" else f"the {kind}"
        raise MissingTable(f"{where} asks for {thing} {name!r}: give {place} tables={{{name!r}: …}}.")
    if kind != _offer(tables[name]):
        raise MissingTable(
            f"{where} asks for {name!r} as {kind}, and {place} is given one to be taken as {_offer(tables[name])}: "
            f"give it a {kind}, or write '{name}: {_offer(tables[name])}' in the signature."
        )


def _offer(given: dynamodb.ITable | Opened) -> str:
    return given.offers if isinstance(given, Opened) else "Table"


def table_environment(declaration: Declaration, tables: Tables) -> dict[str, str]:
    """The environment that names a handler's tables."""
    named: dict[str, str] = {}
    for name in declaration.asks:
        given = tables[name]
        named |= given.variables(name) if isinstance(given, Opened) else {table_variable(name): given.table_name}
    return named


def grant_tables(role: iam.IRole, declaration: Declaration, tables: Tables, actions: tuple[str, ...] = WRITES) -> None:
    """Let a handler do with its tables what its parameters can, and use their keys for that."""
    for name in declaration.asks:
        given = tables[name]
        if isinstance(given, Opened):
            given.admit(role, declaration, name)
        else:
            given.grant(role, *actions)
            grant_key(given.encryption_key, role, "dynamodb", TABLE if actions is WRITES else READ)
