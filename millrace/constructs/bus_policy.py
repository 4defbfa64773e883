"""Who may put events onto a bus: its own account, and others for just the events that are accepted from them."""

from collections.abc import Iterable
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_events as events
from constructs import Construct

from millrace.constructs.declared import EventTypes


class ClosedBus(ValueError):
    """Events that a bus does not accept from another account; the text says what to write."""


class BusPolicy:
    """The policy of a bus, a statement at a time: one holds it closed, whatever another one may open later.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html
    """

    def __init__(self, scope: Construct, bus: events.IEventBus) -> None:
        self._scope = scope
        self._bus = bus
        self._accounts: list[str] = []
        self._closed = self._made("Policy", "OwnAccountOnly", self._refusal())

    def accept(self, account: str, wanted: EventTypes) -> None:
        """Let another account put these events. Raises ClosedBus for one that this app alone says."""
        wanted = list(wanted)
        inside = [event.__name__ for event in wanted if not event.contract.external]
        if inside:
            raise ClosedBus(
                f"{self._scope.node.path}: {', '.join(inside)} is said by this app alone, and {account} is another "
                f"account: declare what comes from there with external=True, or leave it out."
            )
        self._accounts.append(account)
        self._closed.statement = self._refusal()
        for number, (source, detail_types) in enumerate(by_source(wanted).items()):
            sid = f"From{account}{number or ''}"
            self._made(sid, sid, self._statement("Allow", self._root(account), just(source, detail_types)))

    def _made(self, id: str, sid: str, statement: dict[str, Any]) -> events.CfnEventBusPolicy:  # noqa: A002 - CDK's own
        name = self._bus.event_bus_name
        told = {"Sid": sid, **statement}
        return events.CfnEventBusPolicy(self._scope, id, event_bus_name=name, statement_id=sid, statement=told)

    def _refusal(self) -> dict[str, Any]:
        own = Stack.of(self._scope).account
        known = {"aws:PrincipalAccount": [own, *self._accounts] if self._accounts else own}
        others = {"StringNotEquals": known, "Bool": {"aws:PrincipalIsAWSService": "false"}}
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


def just(source: str, detail_types: Iterable[str]) -> dict[str, Any]:
    """The condition that allows to put just some events of a source; each entry of PutEvents is checked on its own.

    Both keys are arrays to IAM, and ForAllValues holds for an empty one: hence Null.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    allowed = {"events:source": [source], "events:detail-type": sorted(detail_types)}
    return {"ForAllValues:StringEquals": allowed, "Null": dict.fromkeys(allowed, "false")}


def by_source(wanted: EventTypes) -> dict[str, set[str]]:
    """The detail-types of each source."""
    found: dict[str, set[str]] = {}
    for event in wanted:
        found.setdefault(event.contract.source, set()).add(event.contract.detail_type)
    return dict(sorted(found.items()))
