"""The local cloud: the deployed template, running on a developer's machine."""

from millrace.local.cloud import ACCOUNT, REGION, LocalCloud
from millrace.local.trace import Trace

__all__ = ["ACCOUNT", "REGION", "LocalCloud", "Trace"]
