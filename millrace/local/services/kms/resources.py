"""Keys and aliases.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_KMS.html
"""

from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Switch, Tags
from millrace.local.cloudformation.registry.types import ResourceType

_KEY_ID = {"KeyId": "{id}"}


def _tags(tags: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tags]


KEY = ResourceType(
    "AWS::KMS::Key",
    "kms",
    create=Call(
        "create_key",
        props(
            "BypassPolicyLockoutSafetyCheck",
            "Description",
            "KeySpec",
            "KeyUsage",
            "MultiRegion",
            "Origin",
            KeyPolicy="Policy",
        )
        | {"Tags": Argument("Tags", _tags)},
    ),
    id="{KeyMetadata[KeyId]}",
    attributes={"Arn": "{KeyMetadata[Arn]}", "KeyId": "{KeyMetadata[KeyId]}"},
    steps=(
        Setting(
            Call("put_key_policy", props(KeyPolicy="Policy"), _KEY_ID | {"PolicyName": "default"}), at_creation=False
        ),
        Setting(Call("update_key_description", props("Description"), _KEY_ID), at_creation=False),
        Switch(
            "EnableKeyRotation",
            on=Call("enable_key_rotation", by=_KEY_ID),
            off=Call("disable_key_rotation", by=_KEY_ID),
        ),
        Switch("Enabled", on=Call("enable_key", by=_KEY_ID), off=Call("disable_key", by=_KEY_ID), default=True),
        Tags("tag_resource", "untag_resource", _KEY_ID, convert=_tags),
    ),
    delete=(Call("schedule_key_deletion", by=_KEY_ID | {"PendingWindowInDays": "{PendingWindowInDays}"}),),
    immutable=frozenset({"KeySpec", "KeyUsage", "MultiRegion", "Origin"}),
    defaults={"Description": "", "PendingWindowInDays": 30},
    other_properties=frozenset({"PendingWindowInDays"}),
    not_in_moto={"RotationPeriodInDays": "moto's EnableKeyRotation drops it"},
)

ALIAS = ResourceType(
    "AWS::KMS::Alias",
    "kms",
    name=Name("AliasName", 256),
    create=Call("create_alias", props("AliasName", "TargetKeyId")),
    id="{AliasName}",
    steps=(Setting(Call("update_alias", props("TargetKeyId"), {"AliasName": "{id}"}), at_creation=False),),
    delete=(Call("delete_alias", by={"AliasName": "{id}"}),),
    immutable=frozenset({"AliasName"}),
)

TYPES = (KEY, ALIAS)
