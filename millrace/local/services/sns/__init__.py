"""Amazon SNS."""

from millrace.local.services.sns.service import Sns

SERVICE = Sns

__all__ = ["Sns"]
