"""The resource policy of a bus: its own account, and selected events of other accounts."""

from typing import Any

from aws_cdk import Names, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from millrace.constructs.bus.rules import detail_types_by_source, publish_conditions
from millrace.constructs.function.project import EventTypes

_PREFIX_CHARACTERS = 40
"""The id of a statement has at most 64: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html"""


class BusAccessError(ValueError):
    """A bus cannot accept these events from another account."""


class BusPolicy:
    """The resource policy of a bus, once it accepts another account; a Deny statement keeps out all the others.

    Without a policy, a bus accepts its own account only.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html
    """

    def __init__(self, scope: Construct, bus: events.IEventBus) -> None:
        self._scope = scope
        self._bus = bus
        self._accounts: list[str] = []
        self._deny_others: events.CfnEventBusPolicy | None = None

    def accept(self, account: str, event_types: EventTypes) -> None:
        """Allow another account to put these events. Raises BusAccessError for events that are not external."""
        event_types = list(event_types)
        internal = [event.__name__ for event in event_types if not event.contract.external]
        if internal:
            raise BusAccessError(
                f"{self._scope.node.path}: only this app publishes {', '.join(internal)}, so account {account} cannot: "
                f"declare events of other accounts with external=True, or remove them from accept_from()."
            )
        self._accounts.append(account)
        self._deny_all_but_accepted()
        for number, (source, detail_types) in enumerate(detail_types_by_source(event_types).items()):
            sid = f"From{account}{number or ''}"
            conditions = publish_conditions(source, detail_types)
            self._policy(sid, sid, self._statement("Allow", self._root(account), conditions))

    def _deny_all_but_accepted(self) -> None:
        if self._deny_others is None:
            self._deny_others = self._policy("Policy", "AcceptedAccountsOnly", {})
        self._deny_others.statement = {"Sid": self._deny_others.statement_id, **self._deny_statement()}

    def _policy(self, id: str, sid: str, statement: dict[str, Any]) -> events.CfnEventBusPolicy:  # noqa: A002 - CDK's own
        """Create a policy. CloudFormation identifies it by the id of its statement, in all stacks of an account.

        https://github.com/aws/aws-cdk/issues/29627
        """
        return events.CfnEventBusPolicy(
            self._scope,
            id,
            event_bus_name=self._bus.event_bus_name,
            statement_id=self._unique(sid),
            statement={"Sid": self._unique(sid), **statement},
        )

    def _unique(self, sid: str) -> str:
        return f"{Names.unique_resource_name(self._scope, max_length=_PREFIX_CHARACTERS, separator='-')}-{sid}"

    def _deny_statement(self) -> dict[str, Any]:
        own = Stack.of(self._scope).account
        accepted = {"aws:PrincipalAccount": [own, *self._accounts]}
        others = {"StringNotEquals": accepted, "Bool": {"aws:PrincipalIsAWSService": "false"}}
        return self._statement("Deny", "*", others)

    def _statement(self, effect: str, principal: Any, condition: dict[str, Any]) -> dict[str, Any]:
        return {
            "Effect": effect,
            "Principal": principal,
            "Action": "events:PutEvents",
            "Resource": self._bus.event_bus_arn,
            "Condition": condition,
        }

    def _root(self, account: str) -> dict[str, str]:
        return {"AWS": f"arn:{Stack.of(self._scope).partition}:iam::{account}:root"}
