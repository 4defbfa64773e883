"""Secrets and their resource policies.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SecretsManager.html
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Step, StepContext

_SECRET_ID = {"SecretId": "{id}"}
_GENERATE = Call(
    "get_random_password",
    props(
        "ExcludeCharacters",
        "ExcludeLowercase",
        "ExcludeNumbers",
        "ExcludePunctuation",
        "ExcludeUppercase",
        "IncludeSpace",
        "PasswordLength",
        "RequireEachIncludedType",
    ),
)
_PUT = Call("put_secret_value", {"generated": Argument("SecretString")}, _SECRET_ID)


@dataclass(frozen=True)
class _GeneratedPassword(Step):
    """A generated password, as the whole secret or one key of it. A change of its settings generates a new one.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
    """

    properties: frozenset[str] = frozenset({"GenerateSecretString"})

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (_GENERATE, _PUT)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Generate and store a password."""
        settings: dict[str, Any] | None = context.properties.get("GenerateSecretString")
        if settings is None or (before or {}).get("GenerateSecretString") == settings:
            return {}
        password = context.call(_GENERATE, **settings)["RandomPassword"]
        key = settings.get("GenerateStringKey")
        secret = json.dumps({**json.loads(settings["SecretStringTemplate"]), key: password}) if key else password
        return context.call(_PUT, generated=secret)


_SECRET = props("Description", "KmsKeyId", "SecretString")

SECRET = ResourceType(
    "AWS::SecretsManager::Secret",
    "secretsmanager",
    name=Name("Name", 512),
    create=Call("create_secret", props("Name", "Tags", ReplicaRegions="AddReplicaRegions") | _SECRET),
    id="{ARN}",
    attributes={"Id": "{ARN}"},
    steps=(
        Setting(Call("update_secret", _SECRET, _SECRET_ID), at_creation=False),
        _GeneratedPassword(),
        Tags("tag_resource", "untag_resource", _SECRET_ID),
    ),
    delete=(Call("delete_secret", by={**_SECRET_ID, "ForceDeleteWithoutRecovery": "true"}),),
    immutable=frozenset({"Name"}),
    defaults={"Description": ""},
)

RESOURCE_POLICY = ResourceType(
    "AWS::SecretsManager::ResourcePolicy",
    "secretsmanager",
    create=None,
    id="{SecretId}",
    steps=(
        Setting(Call("put_resource_policy", props("BlockPublicPolicy", "ResourcePolicy", "SecretId")), send_all=True),
    ),
    delete=(Call("delete_resource_policy", by=_SECRET_ID),),
    immutable=frozenset({"SecretId"}),
)

TYPES = (SECRET, RESOURCE_POLICY)
