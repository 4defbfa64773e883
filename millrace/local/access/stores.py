"""What moto keeps that bears on who may do what: roles, and the policies of resources."""

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from millrace.local import moto_buckets as buckets
from millrace.local.access.policy import Statement, compiled
from millrace.local.plane.state import State

Statements = tuple[Statement, ...]
_DIGITS = 12


class RolePolicies(NamedTuple):
    """What a role is allowed itself, and at most."""

    identity: Statements
    boundary: Statements | None


class Stores:
    """Reads moto's state afresh at each call. Documents are compiled once for each text, so nothing goes stale."""

    def __init__(self, state: State, near: Callable[[str], State | None]) -> None:
        self._state = state
        self._near = near
        self._roles: dict[str, Any] = {}
        self._policies: dict[str, Callable[[State, str], Any]] = {
            "events": _of_bus,
            "kinesis": lambda state, arn: state.kinesis.resource_policies.get(arn),
            "kms": lambda state, arn: state.kms.keys[arn.rpartition("/")[2]].policy,
            "lambda": _of_function,
            "s3": _of_bucket,
            "sns": lambda state, arn: state.sns.topics[arn].policy,
            "sqs": lambda state, arn: state.sqs.queues[arn.rpartition(":")[2]].policy,
            "iam": lambda _, arn: self.role(arn).assume_role_policy_document,
        }

    def role(self, arn: str) -> Any:
        """Moto's role. Raises LookupError."""
        known = self._state.iam.roles
        role = self._roles.get(arn)
        if role is None or known.get(role.id) is not role:
            self._roles = {role.arn: role for role in list(known.values())}
        if arn not in self._roles:
            raise LookupError(f"The role {arn} does not exist.")
        return self._roles[arn]

    def of_role(self, arn: str) -> RolePolicies:
        """The policies of a role; a role that is gone has none."""
        try:
            role = self.role(arn)
        except LookupError:
            return RolePolicies((), None)
        attached = (_default_version(policy) for policy in list(role.managed_policies.values()))
        identity = _together((*role.policies.values(), *attached))
        limit = role.permissions_boundary_arn
        return RolePolicies(identity, _together((_default_version(self._managed(limit)),)) if limit else None)

    def _managed(self, arn: str) -> Any:
        return self._state.iam.managed_policies[arn]

    def of_resource(self, arn: str) -> Statements | None:
        """The policy of a queue, topic, stream, bus, bucket, key, function, role or log group; None for none."""
        service = arn.split(":", 3)[2] if arn != "*" else ""
        try:
            documents = self._documents(service, arn)
        except LookupError:
            return None  # what does not exist has no policy; the service itself says that it does not exist
        return _together(documents) if documents else None

    def _documents(self, service: str, arn: str) -> list[Any]:
        """A resource's own policy; those of log groups belong to the account, and name their resources."""
        state = self._near(arn)
        if state is None:
            return []
        if service == "logs":
            return [policy.policy_document for policy in list(state.logs.resource_policies.values())]
        document = self._policies[service](state, arn) if service in self._policies else None
        return [document] if document else []


def owner_of(arn: str) -> str:
    """The account of a resource; empty where it has none, or is AWS's own. The ARN of a bucket does not name it."""
    account = buckets.owner_of(_bucket(arn)) if arn.startswith("arn:aws:s3:::") else (*arn.split(":", 5), *[""] * 5)[4]
    return account if is_account(account) else ""


def is_account(text: str) -> bool:
    """Whether a text is the id of an account."""
    return len(text) == _DIGITS and text.isdecimal()


def _bucket(arn: str) -> str:
    return arn.split(":", 5)[5].partition("/")[0]


def _of_bucket(state: State, arn: str) -> Any:
    if not owner_of(arn):
        raise LookupError(arn)
    return state.s3.get_bucket(_bucket(arn)).policy


def _of_bus(state: State, arn: str) -> Any:
    kind, _, name = arn.rpartition(":")[2].partition("/")
    return state.events.event_buses[name].policy if kind == "event-bus" else None


def _of_function(state: State, arn: str) -> Any:
    from moto.awslambda.exceptions import UnknownFunctionException  # noqa: PLC0415 - as in state.py

    if ":function:" not in arn:
        return None
    try:
        function = state.lambda_.get_function(arn)
    except UnknownFunctionException as error:
        raise LookupError(arn) from error
    return {"Version": "2012-10-17", "Statement": function.policy.statements}


def _default_version(policy: Any) -> Any:
    return next(each.document for each in policy.versions if each.version_id == policy.default_version_id)


def _together(documents: Iterable[Any]) -> Statements:
    return _joined(tuple(_text(document) for document in documents))


def _text(document: Any) -> str:
    if isinstance(document, bytes):
        return document.decode()
    return document if isinstance(document, str) else json.dumps(document)


@lru_cache(maxsize=1024)
def _joined(texts: tuple[str, ...]) -> Statements:
    return tuple(statement for text in texts for statement in compiled(text))
