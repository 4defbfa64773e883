"""Who may do what: the calls of a function are judged by its role, deliveries by the policy of where they go."""

from millrace.local.services.iam.access import OWN_KEY, OWN_SECRET, Access, Sessions
from millrace.local.services.iam.calls import scope_of
from millrace.local.services.iam.decision import Denied
from millrace.local.services.iam.facts import Known, Permission, UnsupportedPolicyError

__all__ = [
    "OWN_KEY",
    "OWN_SECRET",
    "Access",
    "Denied",
    "Known",
    "Permission",
    "Sessions",
    "UnsupportedPolicyError",
    "scope_of",
]
