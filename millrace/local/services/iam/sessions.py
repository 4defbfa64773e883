"""Access keys of the local cloud: which exist, whose they are, and what they sign with."""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from millrace.local.core.http import Request
from millrace.local.services.iam.policy import Principal

_DIGITS = 12
_FROM_IAM = re.compile(r"^A[KS]IA[A-Z0-9]{16}$")


class Credentials(NamedTuple):
    """An access key; `token` is set for temporary ones. `active` is False for a key that IAM has switched off."""

    key: str
    secret: str
    token: str | None = None
    active: bool = True

    @classmethod
    def dummy(cls) -> "Credentials":
        """What a developer signs with where the local cloud is not strict."""
        return cls("test", "test")

    @classmethod
    def random(cls) -> "Credentials":
        """A key that nobody can guess, in the form of AWS's."""
        drawn = secrets.token_bytes(40)
        return cls("AKIA" + base64.b32encode(drawn[:10]).decode(), base64.b64encode(drawn[10:]).decode())

    def environment(self) -> dict[str, str]:
        """The variables that AWS's SDKs read."""
        known = {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}
        return known | ({"AWS_SESSION_TOKEN": self.token} if self.token else {})


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
class Sessions:
    """Which access key belongs to whom, in all accounts; an unknown key belongs to the account `home`.

    A developer of another account signs with its twelve digits as the access key, and with the secret of `developer`,
    which is the key at home. If `strict`, the local cloud accepts no key that it did not give out.
    """

    home: str
    developer: Credentials
    strict: bool = False
    callers: dict[str, Caller] = field(default_factory=dict)
    keys: dict[str, Credentials] = field(default_factory=dict)
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(64), repr=False)

    def account_of(self, key: str) -> str:
        """The account of who signs with an access key."""
        if key in self.callers:
            return self.callers[key].account
        if is_account(key):
            return key
        found = _from_iam(key) if _FROM_IAM.match(key) else None
        return found[0] if found else self.home

    def developer_of(self, account: str) -> Credentials:
        """What a developer of an account signs with."""
        return self.developer if account == self.home else self.developer._replace(key=account)

    def controls(self, request: Request) -> bool:
        """Whether a request may use the kit's own interface; if `strict`, only with the developer's secret."""
        given = request.headers.get("x-millrace")
        if given is None or request.from_function:
            return False
        return not self.strict or hmac.compare_digest(given.encode(), self.developer.secret.encode())

    def credentials(self, key: str) -> Credentials | None:
        """The credentials of a key that the local cloud gave out; None for a key that it does not know."""
        known = self.keys.get(key)
        if known is None and self.strict and (key == self.developer.key or is_account(key)):
            known = self.developer._replace(key=key)
        if known is None and _FROM_IAM.match(key) and (found := _from_iam(key)):
            known = found[1]
        return known

    def of_caller(self, caller: Caller) -> Credentials:
        """The credentials of a session: the same for the same function and role, different in each local cloud."""
        drawn = hmac.digest(self.salt, f"{caller.session}\n{caller.role}".encode(), "sha512")
        key = "ASIA" + base64.b32encode(drawn[:10]).decode()
        self.callers[key] = caller
        self.keys[key] = Credentials(key, base64.b64encode(drawn[10:40]).decode(), base64.b64encode(drawn).decode())
        return self.keys[key]

    def authorizes(self, key: str) -> bool:
        """Whether calls with a key are held to the policies of a role, also one that was assumed with STS."""
        if key not in self.callers and (role := _assumed_role(key)):
            self.callers[key] = Caller(role.account_id, role.role_arn, role.session_name)
        return key in self.callers


def is_account(text: str) -> bool:
    """Whether a text is the id of an account."""
    return len(text) == _DIGITS and text.isdecimal()


def _from_iam(key: str) -> tuple[str, Credentials] | None:
    """The account and credentials of a key that IAM's CreateAccessKey or STS's AssumeRole gave out."""
    from moto.iam.models import iam_backends  # noqa: PLC0415 - moto is imported after its settings are made

    for account, backend in list(iam_backends.items()):
        if found := backend["aws"].access_keys.get(key):
            role = _assumed_role(key)
            token = role.session_token if role else None
            return account, Credentials(key, found.secret_access_key, token, found.status == "Active")
    return None


def _assumed_role(key: str) -> Any:
    """moto's session of a role that an access key belongs to; None if there is none."""
    from moto.sts.models import sts_backends  # noqa: PLC0415 - the same

    backends = [backend["aws"] for _, backend in list(sts_backends.items())]
    return next((role for backend in backends if (role := backend.get_assumed_role_from_access_key(key))), None)
