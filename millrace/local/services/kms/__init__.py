"""AWS KMS."""

from typing import Any

from millrace.local.core.service import Service


class Kms(Service):
    """The keys of an account and region."""

    arn_name = "kms"

    def resource_policy(self, arn: str) -> Any:
        """Return the policy of a key."""
        return self.region.backends.kms.keys[arn.rpartition("/")[2]].policy


SERVICE = Kms
