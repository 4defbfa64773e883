"""Authorizes the calls of functions and state machines by their roles, and deliveries by the policies of resources.

The access key of a request identifies the caller. Calls with the key of a developer are always allowed.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.http import Request, Response
from millrace.local.services.iam.authentication import needs_no_signature, refused, unauthenticated, unsigned_scope
from millrace.local.services.iam.calls import Call, call_of, scope_of
from millrace.local.services.iam.decision import Denied, Policies, decide
from millrace.local.services.iam.facts import Facts, Known, Permission, surroundings
from millrace.local.services.iam.permissions import required_permissions
from millrace.local.services.iam.policy import Principal, compiled
from millrace.local.services.iam.refusals import identity, message, refusal
from millrace.local.services.iam.sessions import Caller, Credentials, Sessions
from millrace.local.services.iam.signatures import Reason, SignatureError, Times
from millrace.local.services.iam.stores import Stores

_EVERYTHING = '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
_NONE: Known = MappingProxyType({})
_NO_REQUEST = Request("POST", "/", "", {}, b"")
_UNKNOWN_ID = "AROAXXXXXXXXXXXXXXXXX"
_ANONYMOUS: Known = MappingProxyType(
    {"aws:principalaccount": (), "aws:principalarn": (), "aws:principalisawsservice": ("false",)}
)


class InvalidPolicyError(ValueError):
    """A text or value that is not a policy document."""


@dataclass(frozen=True)
class Signer:
    """The owner of an access key. `denied` authorizes a permission, and raises UnsupportedPolicyError."""

    arn: str
    user_id: str
    credentials: Credentials
    denied: Callable[[Permission], Denied | None]


class Access:
    """Authorizes requests in an account. `enforce_iam` turns authorization on and off."""

    def __init__(
        self,
        region: AccountRegion,
        sessions: Sessions,
    ) -> None:
        self.enforce_iam = True
        self._region = region
        self._now = region.clock.now
        self._stores = Stores(region)
        self._sessions = sessions

    def role(self, arn: str) -> Any:
        """Return moto's role. Raises LookupError."""
        return self._stores.role(arn)

    def prepare(self, role: str) -> None:
        """Compile the policies of a role in advance."""
        self._stores.of_role(role)

    def credentials(self, function: Any) -> dict[str, str]:
        """Return the credentials of a function, as environment variables. They depend on function and role alone.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
        """
        caller = Caller(self._region.account, function.role, function.function_name, function.function_arn)
        return self._sessions.of_caller(caller).environment()

    def session(self, role: str, name: str) -> dict[str, str]:
        """Return the credentials of a role session, as environment variables. They depend on role and name alone."""
        return self._sessions.of_caller(Caller(self._region.account, role, name)).environment()

    def signer(self, key: str) -> Signer | None:
        """Return the owner of an access key: a function or a developer; None if the key is unknown."""
        own = self._sessions.developer_of(self._region.account)
        if key == own.key:
            return Signer(f"arn:aws:iam::{self._region.account}:root", self._region.account, own, _allowed)
        caller = self._sessions.callers.get(key)
        if caller is None:
            return None

        def denied(permission: Permission) -> Denied | None:
            return self._decided(permission, caller, self._region.name) if self.enforce_iam else None

        return Signer(caller.session, self._user_id(caller), self._sessions.keys[key], denied)

    def answer(self, request: Request) -> Response | None:
        """Return the response to a request that is not authenticated, is denied, or is GetCallerIdentity; else None."""
        scope = scope_of(request)
        if scope is None:
            return self._unsigned(request)
        refused = unauthenticated(request, scope, self._sessions, self.times())
        caller = self._sessions.callers.get(scope.key)
        if refused or caller is None:
            return refused
        try:
            call = call_of(request, scope, caller.account)
            if (call.service, call.operation) == ("sts", "GetCallerIdentity"):
                return identity(call, caller.session, self._user_id(caller))
            denied = self._first_denial(call, caller)
        except UnsupportedPolicyError as error:
            return (
                refusal(request, scope, f"{caller.session}: {error}", "UnsupportedPolicyError")
                if self.enforce_iam
                else None
            )
        return refusal(request, scope, message(caller.session, denied)) if denied else None

    def times(self) -> Times:
        """Return the time of this machine and the time of the local cloud."""
        return Times(time.time(), self._now())

    def _unsigned(self, request: Request) -> Response | None:
        """Refuse an unsigned request, unless it needs no signature or the policy of the resource allows everyone."""
        if needs_no_signature(request):
            return None
        scope = unsigned_scope(request, self._region.name)
        try:
            if scope.service in ("s3", "sns", "sqs") and self._allows_everyone(
                call_of(request, scope, self._region.account)
            ):
                return None
        except UnsupportedPolicyError as error:
            return refused(request, scope, SignatureError(Reason.MISSING, str(error)))
        return refused(request, scope, SignatureError(Reason.MISSING))

    def _allows_everyone(self, call: Call) -> bool:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html#example-bucket-policies-public-access."""
        return all(self.allows_everyone(permission) for permission in required_permissions(call, self._region))

    def allows_everyone(self, permission: Permission) -> bool:
        """Return whether the policy of a resource allows a caller who is not authenticated.

        Raises UnsupportedPolicyError.
        """
        owner = self._stores.account_of(permission.resource) or self._region.account
        facts = Facts(permission.known, _ANONYMOUS, surroundings(self._now, self._region.name, owner))
        return self._denied_by_resource(permission, facts, Principal()) is None

    def _first_denial(self, call: Call, caller: Caller) -> Denied | None:
        if not self.enforce_iam:
            return None
        permissions = list(required_permissions(call, self._region))
        for permission in permissions:
            self._check_account(permission, caller)
        return next(
            (denied for permission in permissions if (denied := self._decided(permission, caller, call.region))), None
        )

    def denied_by(self, document: Any, permission: Permission) -> Denied | None:
        """Return None if a policy document alone, as that of an authorizer, allows a permission.

        Raises InvalidPolicyError, UnsupportedPolicyError.
        """
        try:
            statements = compiled(json.dumps(document, sort_keys=True))
        except (AttributeError, TypeError, ValueError) as error:
            raise InvalidPolicyError(f"{document!r} is not a policy document") from error
        if not statements:
            raise InvalidPolicyError(f"{document!r} has no statement")
        facts = Facts(permission.known, {}, surroundings(self._now, self._region.name, self._region.account))
        return decide(permission, facts, Principal(), Policies(statements))

    def denied(self, role: str, session_name: str, permission: Permission) -> Denied | None:
        """Return None if a role allows a permission: for a rule or a state machine that assumes the role."""
        return self._decided(permission, Caller(self._region.account, role, session_name), self._region.name)

    def refusal(self, role: str, session_name: str, service: str, operation: str, params: Mapping[str, Any]) -> str:
        """Return AWS's message about a call that a role does not allow; empty if it does."""
        if not self.enforce_iam:
            return ""
        caller = Caller(self._region.account, role, session_name)
        call = Call(service, operation, self._region.name, caller.account, params, _NO_REQUEST)
        try:
            denied = self._first_denial(call, caller)
        except UnsupportedPolicyError as error:
            return f"{caller.session}: {error}"
        return message(caller.session, denied) if denied else ""

    def may_deliver(
        self, service: str, action: str, resource: str, source: str, known_of_request: Known = _NONE
    ) -> bool:
        """Return whether the policy of a resource allows a service, on behalf of another resource.

        `service` is its principal, as events.amazonaws.com. A resource without a policy allows nothing. Raises
        UnsupportedPolicyError.
        """
        principal = Principal(service=service)
        account = source.split(":")[4] or self._region.account
        known: Known = {
            "aws:principalisawsservice": ("true",),
            "aws:principalservicename": (service,),
            "aws:sourceaccount": (account,),
            "aws:sourcearn": (source,),
            "aws:viaawsservice": ("false",),
        }
        permission = Permission(action, resource, known_of_request)
        facts = Facts(
            known_of_request,
            known,
            surroundings(self._now, self._region.name, self._stores.account_of(resource) or self._region.account),
        )
        return decide(permission, facts, principal, Policies((), resource=self._stores.of_resource(resource))) is None

    def allows_account(self, action: str, resource: str, known_of_request: Known = _NONE) -> bool:
        """Return whether the policy of a resource allows this account, regardless of the account's own policies."""
        account = self._region.account
        root = Principal(account, f"arn:aws:iam::{account}:root")
        known: Known = {"aws:principalaccount": (account,), "aws:principalisawsservice": ("false",)}
        facts = Facts(
            known_of_request,
            known,
            surroundings(self._now, self._region.name, self._stores.account_of(resource) or account),
        )
        return self._denied_by_resource(Permission(action, resource, known_of_request), facts, root) is None

    def _denied_by_resource(self, permission: Permission, facts: Facts, principal: Principal) -> Denied | None:
        """Return None if the policy of a resource alone allows a principal."""
        policies = Policies(compiled(_EVERYTHING), resource=self._stores.of_resource(permission.resource), strict=True)
        return decide(permission, facts, principal, policies)

    def _decided(self, permission: Permission, caller: Caller, region: str) -> Denied | None:
        """A resource of another account needs an allow on both sides.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
        """
        owner = self._stores.account_of(permission.resource)
        facts = Facts(
            permission.known,
            lambda: self._known(caller),
            lambda: surroundings(self._now, region, owner or caller.account),
        )
        own = self._stores.of_role(caller.role)
        if owner not in ("", caller.account):
            denied = decide(permission, facts, caller.principal, Policies(own.identity, own.boundary))
            return denied or self._denied_by_resource(permission, facts, caller.principal)
        resource = self._stores.of_resource(permission.resource)
        strict = permission.action.startswith("kms:") or permission.action == "sts:AssumeRole"
        policies = Policies(own.identity, own.boundary, resource, strict=strict and resource is not None)
        return decide(permission, facts, caller.principal, policies)

    def _check_account(self, permission: Permission, caller: Caller) -> None:
        """Raise UnsupportedPolicyError for a call to another account that the local cloud does not support."""
        reaches = permission.action == "events:PutEvents" or permission.action.startswith("s3:")
        if not reaches and self._stores.account_of(permission.resource) not in ("", caller.account):
            raise UnsupportedPolicyError(
                f"{permission.action} on {permission.resource} of another account is unsupported. Calls reach another "
                "account by PutEvents and S3 only; rules reach its queues, topics, streams, functions and buses."
            )

    def _known(self, caller: Caller) -> Known:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principal-properties."""
        return {
            "aws:principalaccount": (caller.account,),
            "aws:principalarn": (caller.role,),
            "aws:principalisawsservice": ("false",),
            "aws:principaltype": ("AssumedRole",),
            "aws:multifactorauthpresent": ("false",),
            "aws:userid": lambda: (self._user_id(caller),),
            "aws:viaawsservice": ("false",),
            "lambda:sourcefunctionarn": (caller.function,) if caller.function else (),
            **self._tags(caller),
        }

    def _tags(self, caller: Caller) -> Known:
        try:
            tags = self._stores.role(caller.role).tags or ()
        except LookupError:
            return {}
        return {f"aws:principaltag/{tag['Key'].lower()}": (str(tag["Value"]),) for tag in tags}

    def _user_id(self, caller: Caller) -> str:
        try:
            return f"{self._stores.role(caller.role).id}:{caller.session_name}"
        except LookupError:
            return f"{_UNKNOWN_ID}:{caller.session_name}"


def _allowed(_permission: Permission) -> None:
    """Allow every permission."""
