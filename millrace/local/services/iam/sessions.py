"""The access keys of the local cloud, their owners and their secrets."""

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
        """Return the credentials of a developer, unless the local cloud is strict."""
        return cls("test", "test")

    @classmethod
    def random(cls) -> "Credentials":
        """Return a random key in the format of AWS."""
        drawn = secrets.token_bytes(40)
        return cls("AKIA" + base64.b32encode(drawn[:10]).decode(), base64.b64encode(drawn[10:]).decode())

    def environment(self) -> dict[str, str]:
        """Return the environment variables that AWS's SDKs read."""
        known = {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}
        return known | ({"AWS_SESSION_TOKEN": self.token} if self.token else {})


@dataclass(frozen=True)
class Caller:
    """A session of a role. `function` is the ARN of a function, empty for other sessions."""

    account: str
    role: str
    session_name: str
    function: str = ""

    @cached_property
    def session(self) -> str:
        """The ARN of the session, which does not contain the role's path."""
        return f"arn:aws:sts::{self.account}:assumed-role/{self.role.rpartition('/')[2]}/{self.session_name}"

    @cached_property
    def principal(self) -> Principal:
        """The principal that policies of resources may name."""
        return Principal(self.account, self.role, self.session)


@dataclass(frozen=True)
class Sessions:
    """The owners of access keys in all accounts. An unknown key belongs to the account `home`.

    A developer of another account signs with its twelve digits as the access key, and with the secret of `developer`,
    which is the key at home. If `strict`, the local cloud accepts no key that it did not give out.
    `verified` is False in a simulation, whose requests do not leave the process.
    """

    home: str
    developer: Credentials
    strict: bool = False
    verified: bool = True
    callers: dict[str, Caller] = field(default_factory=dict)
    keys: dict[str, Credentials] = field(default_factory=dict)
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(64), repr=False)

    def account_of(self, key: str) -> str:
        """Return the account of an access key."""
        if key in self.callers:
            return self.callers[key].account
        if is_account(key):
            return key
        found = _from_iam(key) if _FROM_IAM.match(key) else None
        return found[0] if found else self.home

    def developer_of(self, account: str) -> Credentials:
        """Return the credentials of a developer of an account."""
        return self.developer if account == self.home else self.developer._replace(key=account)

    def controls(self, request: Request) -> bool:
        """Return whether a request may use Millrace's own API; if `strict`, only with the developer's secret."""
        given = request.headers.get("x-millrace")
        if given is None or request.from_function:
            return False
        return not self.strict or hmac.compare_digest(given.encode(), self.developer.secret.encode())

    def credentials(self, key: str) -> Credentials | None:
        """Return the credentials of a key; None if the key is unknown."""
        known = self.keys.get(key)
        if known is None and self.strict and (key == self.developer.key or is_account(key)):
            known = self.developer._replace(key=key)
        if known is None and _FROM_IAM.match(key) and (found := _from_iam(key)):
            known = found[1]
        return known

    def of_caller(self, caller: Caller) -> Credentials:
        """Return the credentials of a session: equal for equal function and role, different in each local cloud."""
        drawn = hmac.digest(self.salt, f"{caller.session}\n{caller.role}".encode(), "sha512")
        key = "ASIA" + base64.b32encode(drawn[:10]).decode()
        self.callers[key] = caller
        self.keys[key] = Credentials(key, base64.b64encode(drawn[10:40]).decode(), base64.b64encode(drawn).decode())
        return self.keys[key]

    def authorizes(self, key: str) -> bool:
        """Return whether the policies of a role apply to calls with a key; also for roles assumed with STS."""
        if key not in self.callers and (role := _assumed_role(key)):
            self.callers[key] = Caller(role.account_id, role.role_arn, role.session_name)
        return key in self.callers


def is_account(text: str) -> bool:
    """Return whether a text is an account id."""
    return len(text) == _DIGITS and text.isdecimal()


def _from_iam(key: str) -> tuple[str, Credentials] | None:
    """Return the account and credentials of a key from CreateAccessKey or AssumeRole."""
    from moto.iam.models import iam_backends

    for account, backend in list(iam_backends.items()):
        if found := backend["aws"].access_keys.get(key):
            role = _assumed_role(key)
            token = role.session_token if role else None
            return account, Credentials(key, found.secret_access_key, token, found.status == "Active")
    return None


def _assumed_role(key: str) -> Any:
    """Return moto's role session of an access key; None if there is none."""
    from moto.sts.models import sts_backends

    backends = [backend["aws"] for _, backend in list(sts_backends.items())]
    return next((role for backend in backends if (role := backend.get_assumed_role_from_access_key(key))), None)
