"""Who may do what: the calls of a function are judged by its role, deliveries by the policy of where they go."""

from millrace.local.access.access import Access
from millrace.local.access.calls import scope_of
from millrace.local.access.decision import Denied
from millrace.local.access.facts import Ask, CannotJudge, Known
from millrace.local.access.sessions import Credentials, Sessions
from millrace.local.access.signatures import SignatureError, verify

__all__ = [
    "Access",
    "Ask",
    "CannotJudge",
    "Credentials",
    "Denied",
    "Known",
    "Sessions",
    "SignatureError",
    "scope_of",
    "verify",
]
