"""Who may do what: the calls of a function are judged by its role, deliveries by the policy of where they go."""

from millrace.local.access.access import Access
from millrace.local.access.decision import Denied
from millrace.local.access.facts import Ask, CannotJudge, Known

__all__ = ["Access", "Ask", "CannotJudge", "Denied", "Known"]
