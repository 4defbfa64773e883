"""Changes to moto's secrets."""

from collections.abc import Callable
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace_attribute

_CURRENT = "AWSCURRENT"


def apply(_region: Callable[..., AccountRegion]) -> None:
    """Read and replace the version that has AWSCURRENT: moto uses the version that was put last without stages.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version
    """
    from moto.secretsmanager.models import FakeSecret

    def default_version_id(secret: Any) -> Any:
        current = (name for name, each in secret.versions.items() if _CURRENT in each["version_stages"])
        return next(current, secret.__dict__.get("millrace_default"))

    def set_default(secret: Any, version_id: Any) -> None:
        secret.millrace_default = version_id

    replace_attribute(FakeSecret, "default_version_id", property(default_version_id, set_default))
