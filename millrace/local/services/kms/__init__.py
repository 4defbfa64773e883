"""AWS KMS."""

from millrace.local.services.kms.service import Kms

SERVICE = Kms

__all__ = ["Kms"]
