"""Judges the calls of functions and state machines by their roles, and says what a service may deliver where.

Who calls is known by the access key that workers and tasks are given; callers with any other key are not judged.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from millrace.local.access.asks import asks_of
from millrace.local.access.asks.places import Places
from millrace.local.access.calls import Call, call_of, scope_of
from millrace.local.access.decision import Denied, Policies, decide
from millrace.local.access.facts import Ask, CannotJudge, Facts, Known, surroundings
from millrace.local.access.policy import Principal, compiled
from millrace.local.access.refusals import identity, message, refusal
from millrace.local.access.stores import Stores, is_account, owner_of
from millrace.local.messages import Request, Response
from millrace.local.plane.state import State

_EVERYTHING = '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
_NONE: Known = MappingProxyType({})
_NO_REQUEST = Request("POST", "/", "", {}, b"")
_UNKNOWN_ID = "AROAXXXXXXXXXXXXXXXXX"
OWN_KEY = OWN_SECRET = "test"  # noqa: S105 - a secret of nobody
"""What a developer signs with, and is never judged by."""


@dataclass(frozen=True)
class Caller:
    """A function, as IAM knows it: a session of its role. `function` is its ARN, empty for another session."""

    account: str
    role: str
    session_name: str
    function: str = ""

    @cached_property
    def session(self) -> str:
        """The ARN of the session; a role's path is no part of it."""
        return f"arn:aws:sts::{self.account}:assumed-role/{self.role.rpartition('/')[2]}/{self.session_name}"

    @cached_property
    def principal(self) -> Principal:
        """Whom the policies of resources may name."""
        return Principal(self.account, self.role, self.session)


@dataclass(frozen=True)
class Signer:
    """Who signs with an access key, with what; `denied` judges an ask of his, and raises CannotJudge."""

    arn: str
    user_id: str
    secret: str
    session_token: str | None
    denied: Callable[[Ask], Denied | None]


@dataclass(frozen=True)
class Sessions:
    """Who is known by which access key, in all accounts; `home` is that of whoever is not.

    A developer of another account signs with its twelve digits, where `OWN_KEY` is for the one at home.
    """

    home: str
    callers: dict[str, Caller] = field(default_factory=dict)
    keys: dict[str, dict[str, str]] = field(default_factory=dict)

    def account_of(self, key: str) -> str:
        """The account of who signs with an access key."""
        if key in self.callers:
            return self.callers[key].account
        return key if is_account(key) else self.home

    def own_key(self, account: str) -> str:
        """What a developer of an account signs with."""
        return OWN_KEY if account == self.home else account


class Access:
    """Who may do what in an account. `judging` turns the judging of functions' calls on and off.

    `machine_of` gives the state machine of a task token, or "" for one that was never given out; `near` the state in
    which an ARN is, or None where nobody has opened that account and region.
    """

    def __init__(
        self,
        state: State,
        now: Callable[[], float],
        machine_of: Callable[[str], str],
        near: Callable[[str], State | None],
        sessions: Sessions,
    ) -> None:
        self.judging = True
        self._places = Places(state, machine_of)
        self._state = state
        self._now = now
        self._stores = Stores(state, near)
        self._sessions = sessions

    def credentials(self, function: Any) -> dict[str, str]:
        """What the workers of moto's function sign with. The same function and role have the same, always.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
        """
        return self._signed_for(
            Caller(self._state.account, function.role, function.function_name, function.function_arn)
        )

    def session(self, role: str, name: str) -> dict[str, str]:
        """What signs in the name of a role, as a state machine does. The same role and name have the same, always."""
        return self._signed_for(Caller(self._state.account, role, name))

    def _signed_for(self, caller: Caller) -> dict[str, str]:
        drawn = hashlib.sha512(f"{caller.session}\n{caller.role}".encode()).digest()
        key = "ASIA" + base64.b32encode(drawn[:10]).decode()
        self._sessions.callers[key] = caller
        self._sessions.keys[key] = {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": base64.b64encode(drawn[10:40]).decode(),
            "AWS_SESSION_TOKEN": base64.b64encode(drawn).decode(),
        }
        return self._sessions.keys[key]

    def signer(self, key: str) -> Signer | None:
        """Who signs with an access key: a function, a developer, or nobody that is known here."""
        if key == self._sessions.own_key(self._state.account):
            return Signer(f"arn:aws:iam::{self._state.account}:root", self._state.account, OWN_SECRET, None, _allowed)
        caller = self._sessions.callers.get(key)
        if caller is None:
            return None
        keys = self._sessions.keys[key]
        secret, token = keys["AWS_SECRET_ACCESS_KEY"], keys["AWS_SESSION_TOKEN"]

        def denied(ask: Ask) -> Denied | None:
            return self._decided(ask, caller, self._state.region) if self.judging else None

        return Signer(caller.session, self._user_id(caller), secret, token, denied)

    def answer(self, request: Request) -> Response | None:
        """The whole answer to a call that goes no further: denied, or about the caller itself. Else None."""
        scope = scope_of(request)
        caller = self._sessions.callers.get(scope.key) if scope else None
        if scope is None or caller is None:
            return None
        try:
            call = call_of(request, scope, caller.account)
            if (call.service, call.operation) == ("sts", "GetCallerIdentity"):
                return identity(call, caller.session, self._user_id(caller))
            denied = self._judged(call, caller)
        except CannotJudge as error:
            return refusal(request, scope, f"{caller.session}: {error}", "CannotJudge") if self.judging else None
        return refusal(request, scope, message(caller.session, denied)) if denied else None

    def judge(self, request: Request) -> Denied | None:
        """None if a request may go on. Raises CannotJudge if that hangs on what the local cloud cannot know."""
        scope = scope_of(request)
        caller = self._sessions.callers.get(scope.key) if scope else None
        if scope is None or caller is None:
            return None
        return self._judged(call_of(request, scope, caller.account), caller)

    def _judged(self, call: Call, caller: Caller) -> Denied | None:
        if not self.judging:
            return None
        asks = list(asks_of(call, self._places))
        for ask in asks:
            _check_reach(ask, caller)
        return next((denied for ask in asks if (denied := self._decided(ask, caller, call.region))), None)

    def denied(self, role: str, session_name: str, ask: Ask) -> Denied | None:
        """None if a role is allowed an ask: for what AWS does in a role's name, as a rule or a state machine does."""
        return self._decided(ask, Caller(self._state.account, role, session_name), self._state.region)

    def refusal(self, role: str, session_name: str, service: str, operation: str, params: Mapping[str, Any]) -> str:
        """What AWS says of a call in a role's name that the role may not make; empty where it may."""
        if not self.judging:
            return ""
        caller = Caller(self._state.account, role, session_name)
        call = Call(service, operation, self._state.region, caller.account, params, _NO_REQUEST)
        try:
            denied = self._judged(call, caller)
        except CannotJudge as error:
            return f"{caller.session}: {error}"
        return message(caller.session, denied) if denied else ""

    def may_deliver(self, service: str, action: str, resource: str, source: str, of_ask: Known = _NONE) -> bool:
        """Whether the policy of a resource lets a service in, on behalf of another resource.

        `service` is its principal, as events.amazonaws.com. What has no policy lets none in. Raises CannotJudge.
        """
        who = Principal(service=service)
        account = source.split(":")[4] or self._state.account
        known: Known = {
            "aws:principalisawsservice": ("true",),
            "aws:principalservicename": (service,),
            "aws:sourceaccount": (account,),
            "aws:sourcearn": (source,),
            "aws:viaawsservice": ("false",),
        }
        ask = Ask(action, resource, of_ask)
        facts = Facts(
            of_ask, known, surroundings(self._now, self._state.region, owner_of(resource) or self._state.account)
        )
        return decide(ask, facts, who, Policies((), resource=self._stores.of_resource(resource))) is None

    def lets_account_in(self, action: str, resource: str, of_ask: Known = _NONE) -> bool:
        """Whether the policy of a resource lets this account in, whatever the account's own policies say."""
        account = self._state.account
        everybody = Principal(account, f"arn:aws:iam::{account}:root")
        known: Known = {"aws:principalaccount": (account,), "aws:principalisawsservice": ("false",)}
        facts = Facts(of_ask, known, surroundings(self._now, self._state.region, owner_of(resource) or account))
        return self._let_in(Ask(action, resource, of_ask), facts, everybody) is None

    def _let_in(self, ask: Ask, facts: Facts, who: Principal) -> Denied | None:
        """None if the policy of a resource alone lets somebody in."""
        policies = Policies(compiled(_EVERYTHING), resource=self._stores.of_resource(ask.resource), strict=True)
        return decide(ask, facts, who, policies)

    def _decided(self, ask: Ask, caller: Caller, region: str) -> Denied | None:
        """Of another account's resource both sides have to allow it.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
        """
        facts = Facts(
            ask.known, self._known(caller), surroundings(self._now, region, owner_of(ask.resource) or caller.account)
        )
        own = self._stores.of_role(caller.role)
        if owner_of(ask.resource) not in ("", caller.account):
            denied = decide(ask, facts, caller.principal, Policies(own.identity, own.boundary))
            return denied or self._let_in(ask, facts, caller.principal)
        resource = self._stores.of_resource(ask.resource)
        strict = ask.action.startswith("kms:") or ask.action == "sts:AssumeRole"
        policies = Policies(own.identity, own.boundary, resource, strict=strict and resource is not None)
        return decide(ask, facts, caller.principal, policies)

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


def _check_reach(ask: Ask, caller: Caller) -> None:
    """Raise CannotJudge for a call that the local cloud would answer from the caller's own account."""
    reaches = ask.action == "events:PutEvents" or ask.action.startswith("s3:")
    if not reaches and owner_of(ask.resource) not in ("", caller.account):
        raise CannotJudge(
            f"{ask.action} on {ask.resource}, of another account: the local cloud lets a call reach into another "
            f"account by PutEvents and S3 alone, and rules into its queues, topics, streams, functions and buses."
        )


def _allowed(_ask: Ask) -> None:
    """Whatever it is."""
