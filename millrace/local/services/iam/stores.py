"""What moto keeps that bears on who may do what: roles, and the policies of resources."""

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from millrace.local.core.backends import Backends
from millrace.local.services.iam.policy import Statement, compiled

Statements = tuple[Statement, ...]


class RolePolicies(NamedTuple):
    """What a role is allowed itself, and at most."""

    identity: Statements
    boundary: Statements | None


class Stores:
    """Reads moto's state afresh at each call. Documents are compiled once for each text, so nothing goes stale."""

    def __init__(self, backends: Backends, near: Callable[[str], Backends | None]) -> None:
        self._backends = backends
        self._near = near
        self._roles: dict[str, Any] = {}
        self._policies: dict[str, Callable[[Backends, str], Any]] = {
            "events": _of_bus,
            "kinesis": lambda backends, arn: backends.kinesis.resource_policies.get(arn),
            "kms": lambda backends, arn: backends.kms.keys[arn.rpartition("/")[2]].policy,
            "lambda": _of_function,
            "s3": lambda backends, arn: backends.s3.buckets[arn.split(":", 5)[5].partition("/")[0]].policy,
            "sns": lambda backends, arn: backends.sns.topics[arn].policy,
            "sqs": lambda backends, arn: backends.sqs.queues[arn.rpartition(":")[2]].policy,
            "iam": lambda _, arn: self.role(arn).assume_role_policy_document,
        }

    def role(self, arn: str) -> Any:
        """Moto's role. Raises LookupError."""
        known = self._backends.iam.roles
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
        return self._backends.iam.managed_policies[arn]

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
        backends = self._near(arn)
        if backends is None:
            return []
        if service == "logs":
            return [policy.policy_document for policy in list(backends.logs.resource_policies.values())]
        document = self._policies[service](backends, arn) if service in self._policies else None
        return [document] if document else []


def _of_bus(backends: Backends, arn: str) -> Any:
    kind, _, name = arn.rpartition(":")[2].partition("/")
    return backends.events.event_buses[name].policy if kind == "event-bus" else None


def _of_function(backends: Backends, arn: str) -> Any:
    from moto.awslambda.exceptions import UnknownFunctionException  # noqa: PLC0415 - as in state.py

    if ":function:" not in arn:
        return None
    try:
        function = backends.lambda_.get_function(arn)
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
