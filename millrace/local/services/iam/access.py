"""Judges the calls of functions and state machines by their roles, and says what a service may deliver where.

Who calls is known by the access key that workers and tasks are given; callers with any other key are not judged.
"""

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


@dataclass(frozen=True)
class Signer:
    """Who signs with an access key, with what; `denied` judges an ask of his, and raises UnsupportedPolicyError."""

    arn: str
    user_id: str
    credentials: Credentials
    denied: Callable[[Permission], Denied | None]


class Access:
    """Who may do what in an account. `judging` turns the judging of functions' calls on and off."""

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

    def credentials(self, function: Any) -> dict[str, str]:
        """What the workers of moto's function sign with. The same function and role have the same, always.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
        """
        caller = Caller(self._region.account, function.role, function.function_name, function.function_arn)
        return self._sessions.of_caller(caller).environment()

    def session(self, role: str, name: str) -> dict[str, str]:
        """What signs in the name of a role, as a state machine does. The same role and name have the same, always."""
        return self._sessions.of_caller(Caller(self._region.account, role, name)).environment()

    def signer(self, key: str) -> Signer | None:
        """Who signs with an access key: a function, a developer, or nobody that is known here."""
        own = self._sessions.developer_of(self._region.account)
        if key == own.key:
            return Signer(f"arn:aws:iam::{self._region.account}:root", self._region.account, own, _allowed)
        caller = self._sessions.callers.get(key)
        if caller is None:
            return None

        def denied(ask: Permission) -> Denied | None:
            return self._decided(ask, caller, self._region.name) if self.enforce_iam else None

        return Signer(caller.session, self._user_id(caller), self._sessions.keys[key], denied)

    def answer(self, request: Request) -> Response | None:
        """The whole answer to a call that goes no further: not authenticated, denied, or about the caller itself.

        Else None.
        """
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
            denied = self._judged(call, caller)
        except UnsupportedPolicyError as error:
            return (
                refusal(request, scope, f"{caller.session}: {error}", "UnsupportedPolicyError")
                if self.enforce_iam
                else None
            )
        return refusal(request, scope, message(caller.session, denied)) if denied else None

    def times(self) -> Times:
        """The time of this machine, and that of the local cloud."""
        return Times(time.time(), self._now())

    def _unsigned(self, request: Request) -> Response | None:
        """The refusal of an unsigned request, unless it needs no signature, or a resource's policy allows everybody."""
        if needs_no_signature(request):
            return None
        scope = unsigned_scope(request, self._region.name)
        try:
            if scope.service in ("s3", "sns", "sqs") and self._allows_everybody(
                call_of(request, scope, self._region.account)
            ):
                return None
        except UnsupportedPolicyError as error:
            return refused(request, scope, SignatureError(Reason.MISSING, str(error)))
        return refused(request, scope, SignatureError(Reason.MISSING))

    def _allows_everybody(self, call: Call) -> bool:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html#example-bucket-policies-public-access."""
        known: Known = {"aws:principalaccount": (), "aws:principalarn": (), "aws:principalisawsservice": ("false",)}

        def allows(ask: Permission) -> bool:
            facts = Facts(
                ask.known,
                known,
                surroundings(self._now, call.region, self._stores.account_of(ask.resource) or call.account),
            )
            return self._let_in(ask, facts, Principal()) is None

        return all(allows(ask) for ask in required_permissions(call, self._region))

    def _judged(self, call: Call, caller: Caller) -> Denied | None:
        if not self.enforce_iam:
            return None
        asks = list(required_permissions(call, self._region))
        for ask in asks:
            self._check_reach(ask, caller)
        return next((denied for ask in asks if (denied := self._decided(ask, caller, call.region))), None)

    def denied(self, role: str, session_name: str, ask: Permission) -> Denied | None:
        """None if a role is allowed an ask: for what AWS does in a role's name, as a rule or a state machine does."""
        return self._decided(ask, Caller(self._region.account, role, session_name), self._region.name)

    def refusal(self, role: str, session_name: str, service: str, operation: str, params: Mapping[str, Any]) -> str:
        """What AWS says of a call in a role's name that the role may not make; empty where it may."""
        if not self.enforce_iam:
            return ""
        caller = Caller(self._region.account, role, session_name)
        call = Call(service, operation, self._region.name, caller.account, params, _NO_REQUEST)
        try:
            denied = self._judged(call, caller)
        except UnsupportedPolicyError as error:
            return f"{caller.session}: {error}"
        return message(caller.session, denied) if denied else ""

    def may_deliver(self, service: str, action: str, resource: str, source: str, of_ask: Known = _NONE) -> bool:
        """Return whether the policy of a resource allows a service, on behalf of another resource.

        `service` is its principal, as events.amazonaws.com. A resource without a policy allows nothing. Raises
        UnsupportedPolicyError.
        """
        who = Principal(service=service)
        account = source.split(":")[4] or self._region.account
        known: Known = {
            "aws:principalisawsservice": ("true",),
            "aws:principalservicename": (service,),
            "aws:sourceaccount": (account,),
            "aws:sourcearn": (source,),
            "aws:viaawsservice": ("false",),
        }
        ask = Permission(action, resource, of_ask)
        facts = Facts(
            of_ask,
            known,
            surroundings(self._now, self._region.name, self._stores.account_of(resource) or self._region.account),
        )
        return decide(ask, facts, who, Policies((), resource=self._stores.of_resource(resource))) is None

    def lets_account_in(self, action: str, resource: str, of_ask: Known = _NONE) -> bool:
        """Whether the policy of a resource lets this account in, whatever the account's own policies say."""
        account = self._region.account
        everybody = Principal(account, f"arn:aws:iam::{account}:root")
        known: Known = {"aws:principalaccount": (account,), "aws:principalisawsservice": ("false",)}
        facts = Facts(
            of_ask, known, surroundings(self._now, self._region.name, self._stores.account_of(resource) or account)
        )
        return self._let_in(Permission(action, resource, of_ask), facts, everybody) is None

    def _let_in(self, ask: Permission, facts: Facts, who: Principal) -> Denied | None:
        """None if the policy of a resource alone lets somebody in."""
        policies = Policies(compiled(_EVERYTHING), resource=self._stores.of_resource(ask.resource), strict=True)
        return decide(ask, facts, who, policies)

    def _decided(self, ask: Permission, caller: Caller, region: str) -> Denied | None:
        """Of another account's resource both sides have to allow it.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
        """
        owner = self._stores.account_of(ask.resource)
        facts = Facts(ask.known, self._known(caller), surroundings(self._now, region, owner or caller.account))
        own = self._stores.of_role(caller.role)
        if owner not in ("", caller.account):
            denied = decide(ask, facts, caller.principal, Policies(own.identity, own.boundary))
            return denied or self._let_in(ask, facts, caller.principal)
        resource = self._stores.of_resource(ask.resource)
        strict = ask.action.startswith("kms:") or ask.action == "sts:AssumeRole"
        policies = Policies(own.identity, own.boundary, resource, strict=strict and resource is not None)
        return decide(ask, facts, caller.principal, policies)

    def _check_reach(self, ask: Permission, caller: Caller) -> None:
        """Raise UnsupportedPolicyError for a call that the local cloud would answer from the caller's own account."""
        reaches = ask.action == "events:PutEvents" or ask.action.startswith("s3:")
        if not reaches and self._stores.account_of(ask.resource) not in ("", caller.account):
            raise UnsupportedPolicyError(
                f"{ask.action} on {ask.resource}, of another account: the local cloud lets a call reach into another "
                f"account by PutEvents and S3 alone, and rules into its queues, topics, streams, functions and buses."
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


def _allowed(_ask: Permission) -> None:
    """Whatever it is."""
