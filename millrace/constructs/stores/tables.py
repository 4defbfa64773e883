"""Tables, event stores, and read models of handlers: environment, permissions, and checks."""

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from millrace.constructs.bus.encryption import READ_ACTIONS, TABLE_ACTIONS, grant_key
from millrace.runtime import Declaration
from millrace.runtime.stores import table_variable

READS = ("dynamodb:GetItem", "dynamodb:Query")
WRITES = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query")
"""The operations of millrace.runtime.Table."""


@runtime_checkable
class HandlerResource(Protocol):
    """A construct that a handler takes as a parameter of the type `parameter_type`."""

    parameter_type: str

    def environment(self, parameter: str) -> dict[str, str]:
        """Return the environment variables by which a handler finds the resource."""

    def grant(self, role: iam.IRole, declaration: Declaration, parameter: str) -> None:
        """Allow a handler to perform the operations of its parameter."""


Tables = Mapping[str, dynamodb.ITable | HandlerResource]
"""Tables, event stores, and read models by the names of the parameters that take them."""


class MissingTableError(LookupError):
    """The tables of a construct do not match the parameters of its handlers."""


def check_resources(path: str, declarations: Iterable[Declaration], tables: Tables) -> None:
    """Raise MissingTableError unless `tables` has exactly the parameters of the handlers, with matching types."""
    handlers = list(declarations)
    for declaration in handlers:
        for name, kind in declaration.resources.items():
            _check_table(path, declaration, name, kind, tables)
    for name in tables.keys() - {name for declaration in handlers for name in declaration.resources}:
        raise MissingTableError(
            f"{path} has the table {name!r}, but none of its handlers ({', '.join(d.name for d in handlers)}) has a "
            f"parameter {name!r}: remove the table, or add '{name}: {_type_of(tables[name])}' to the signature."
        )


def _check_table(path: str, declaration: Declaration, name: str, kind: str, tables: Tables) -> None:
    handler = f"{declaration.module}.{declaration.attribute}"
    if name not in tables:
        expected = "table" if kind == "Table" else kind
        raise MissingTableError(f"{handler} needs the {expected} {name!r}: add tables={{{name!r}: …}} to {path}.")
    if kind != _type_of(tables[name]):
        raise MissingTableError(
            f"{handler} takes {name!r} of type {kind}, but {path} passes {_type_of(tables[name])}: "
            f"pass {kind}, or write '{name}: {_type_of(tables[name])}' in the signature."
        )


def _type_of(table: dynamodb.ITable | HandlerResource) -> str:
    return table.parameter_type if isinstance(table, HandlerResource) else "Table"


def resource_environment(declaration: Declaration, tables: Tables) -> dict[str, str]:
    """Return the environment variables by which a handler finds its tables."""
    variables: dict[str, str] = {}
    for name in declaration.resources:
        table = tables[name]
        own = (
            table.environment(name) if isinstance(table, HandlerResource) else {table_variable(name): table.table_name}
        )
        variables |= own
    return variables


def grant_resources(
    role: iam.IRole, declaration: Declaration, tables: Tables, actions: tuple[str, ...] = WRITES
) -> None:
    """Allow a handler to perform the operations of its table parameters, and to use the keys of the tables."""
    for name in declaration.resources:
        table = tables[name]
        if isinstance(table, HandlerResource):
            table.grant(role, declaration, name)
        else:
            table.grant(role, *actions)
            grant_key(table.encryption_key, role, "dynamodb", TABLE_ACTIONS if actions is WRITES else READ_ACTIONS)


def grant_table_actions(role: iam.IRole, table: dynamodb.ITable, *actions: str, index: str | None = None) -> None:
    """Allow a role to perform actions on a table, or on one of its indexes, and to use its key."""
    arn = f"{table.table_arn}/index/{index}" if index else table.table_arn
    named = [f"dynamodb:{action}" for action in actions]
    role.add_to_principal_policy(iam.PolicyStatement(actions=named, resources=[arn]))
    grant_key(table.encryption_key, role, "dynamodb", TABLE_ACTIONS)
