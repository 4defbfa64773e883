"""AWS IAM: which calls and deliveries are allowed."""

from millrace.local.services.iam.access import Access, InvalidPolicyError
from millrace.local.services.iam.calls import Call, call_of, form_of, scope_of
from millrace.local.services.iam.decision import Denied
from millrace.local.services.iam.facts import Known, Permission, Values
from millrace.local.services.iam.permissions import passed, required_permissions, roles
from millrace.local.services.iam.refusals import unauthorized
from millrace.local.services.iam.rule_authorization import RuleAuthorization
from millrace.local.services.iam.service import Iam
from millrace.local.services.iam.sessions import Credentials, Sessions
from millrace.local.services.iam.signatures import SignatureError, verify

SERVICE = Iam

__all__ = [
    "Access",
    "Call",
    "Credentials",
    "Denied",
    "Iam",
    "InvalidPolicyError",
    "Known",
    "Permission",
    "RuleAuthorization",
    "Sessions",
    "SignatureError",
    "Values",
    "call_of",
    "form_of",
    "passed",
    "required_permissions",
    "roles",
    "scope_of",
    "unauthorized",
    "verify",
]
