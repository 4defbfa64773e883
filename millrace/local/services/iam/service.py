"""AWS IAM: which calls and deliveries are allowed."""

from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.service import Service
from millrace.local.services.iam.access import Access
from millrace.local.services.iam.rule_authorization import RuleAuthorization
from millrace.local.services.iam.sessions import Sessions


class Iam(Service):
    """Authorizes API calls by the caller's role, and deliveries by the policies of their targets."""

    arn_name = "iam"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.sessions: Sessions = region.regions.shared[Sessions]
        self.access = Access(region, self.sessions)
        self.access.enforce_iam = region.regions.enforce_iam
        self.rules = RuleAuthorization(region, self.access)

    def changed(self) -> None:
        """Authorize rules again."""
        self.rules.changed()

    def reset(self) -> None:
        """Authorize rules again."""
        self.rules.changed()

    def resource_policy(self, arn: str) -> Any:
        """The trust policy of a role."""
        return self.access.role(arn).assume_role_policy_document
