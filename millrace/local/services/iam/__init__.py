"""AWS IAM: which calls and deliveries are allowed."""

from millrace.local.services.iam.access import OWN_KEY, OWN_SECRET, Access, Sessions
from millrace.local.services.iam.calls import Call, scope_of
from millrace.local.services.iam.decision import Denied
from millrace.local.services.iam.facts import Known, Permission, Values
from millrace.local.services.iam.permissions import passed, required_permissions
from millrace.local.services.iam.rule_authorization import RuleAuthorization
from millrace.local.services.iam.service import Iam

SERVICE = Iam

__all__ = [
    "OWN_KEY",
    "OWN_SECRET",
    "Access",
    "Call",
    "Denied",
    "Iam",
    "Known",
    "Permission",
    "RuleAuthorization",
    "Sessions",
    "Values",
    "passed",
    "required_permissions",
    "scope_of",
]
