"""Amazon EventBridge schema registries."""

from millrace.local.services.schemas.registries import Schemas

SERVICE = Schemas

__all__ = ["Schemas"]
