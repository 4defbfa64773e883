"""Dynamic references to secrets, which a record keeps as they are, and a call alone sees through.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
"""

import json
import re
from typing import Any

from millrace.local.cloudformation.registry.calls import Clients

SECRET = re.compile(
    r"\{\{resolve:secretsmanager:(arn:[^:]+:secretsmanager:[^:]*:\d+:secret:[^:}]+|[^:}]+)"
    r"(?::SecretString)?(?::([^:}]*))?(?::([^:}]*))?(?::([^:}]*))?\}\}"
)


def revealed(value: Any, clients: Clients) -> Any:
    """A value with the secrets that it refers to."""
    if isinstance(value, dict):
        return {name: revealed(inner, clients) for name, inner in value.items()}
    if isinstance(value, list):
        return [revealed(each, clients) for each in value]
    if isinstance(value, str) and "{{resolve:secretsmanager:" in value:
        return SECRET.sub(lambda found: _secret(found, clients), value)
    return value


def _secret(found: re.Match[str], clients: Clients) -> str:
    name, key, stage, version = found.groups()
    chosen = {"VersionStage": stage} if stage else {"VersionId": version} if version else {}
    text: str = clients("secretsmanager").get_secret_value(SecretId=name, **chosen)["SecretString"]  # type: ignore[attr-defined]
    return str(json.loads(text)[key]) if key else text
