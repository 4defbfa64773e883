"""Secrets, given or generated.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SecretsManager.html
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudformation.registry.calls import Call, Take, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Subject

_OF_SECRET = {"SecretId": "{id}"}
_DRAW = Call(
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
_PUT = Call("put_secret_value", {"generated": Take("SecretString")}, _OF_SECRET)


@dataclass(frozen=True)
class _Generated:
    """A password drawn anew where its description changes, alone or as one key of a JSON document.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
    """

    properties: frozenset[str] = frozenset({"GenerateSecretString"})

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        return (_DRAW, _PUT)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Draw and keep it."""
        wanted: dict[str, Any] | None = subject.properties.get("GenerateSecretString")
        if wanted is None or (before or {}).get("GenerateSecretString") == wanted:
            return {}
        drawn = subject.call(_DRAW, **wanted)["RandomPassword"]
        key = wanted.get("GenerateStringKey")
        whole = json.dumps({**json.loads(wanted["SecretStringTemplate"]), key: drawn}) if key else drawn
        return subject.call(_PUT, generated=whole)

    def undo(self, subject: Subject) -> None:
        """The secret's own deletion takes it along."""


_SECRET = props("Description", "KmsKeyId", "SecretString")

SECRET = ResourceType(
    "AWS::SecretsManager::Secret",
    "secretsmanager",
    name=Name("Name", 512),
    create=Call("create_secret", props("Name", "Tags", ReplicaRegions="AddReplicaRegions") | _SECRET),
    id="{ARN}",
    attributes={"Id": "{ARN}"},
    steps=(
        Setting(Call("update_secret", _SECRET, _OF_SECRET), at_creation=False),
        _Generated(),
        Tags("tag_resource", "untag_resource", _OF_SECRET),
    ),
    delete=(Call("delete_secret", by={**_OF_SECRET, "ForceDeleteWithoutRecovery": "true"}),),
    immutable=frozenset({"Name"}),
    defaults={"Description": ""},
)

RESOURCE_POLICY = ResourceType(
    "AWS::SecretsManager::ResourcePolicy",
    "secretsmanager",
    create=None,
    id="{SecretId}",
    steps=(Setting(Call("put_resource_policy", props("BlockPublicPolicy", "ResourcePolicy", "SecretId")), whole=True),),
    delete=(Call("delete_resource_policy", by=_OF_SECRET),),
    immutable=frozenset({"SecretId"}),
)

TYPES = (SECRET, RESOURCE_POLICY)
