"""Amazon EventBridge schema registries."""

from millrace.local.services.schemas.service import Schemas

SERVICE = Schemas

__all__ = ["Schemas"]
