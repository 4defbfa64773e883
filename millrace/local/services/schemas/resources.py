"""Schema registries, schemas and registry policies.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_EventSchemas.html
"""

from millrace.local.cloudformation.registry.calls import Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import ResourceType

_REGISTRY_NAME = {"RegistryName": "{RegistryName}"}

REGISTRY = ResourceType(
    "AWS::EventSchemas::Registry",
    "schemas",
    name=Name("RegistryName", 64),
    create=Call("create_registry", props("Description", "RegistryName", "Tags")),
    id="{RegistryArn}",
    attributes={"RegistryArn": "{RegistryArn}", "RegistryName": "{RegistryName}"},
    steps=(
        Setting(Call("update_registry", props("Description"), _REGISTRY_NAME), at_creation=False),
        Tags("tag_resource", "untag_resource", {"ResourceArn": "{RegistryArn}"}),
    ),
    delete=(Call("delete_registry", by=_REGISTRY_NAME),),
    immutable=frozenset({"RegistryName"}),
    defaults={"Description": ""},
)

_SCHEMA = props("Content", "Description", "Type")
_SCHEMA_NAME = {"RegistryName": "{RegistryName}", "SchemaName": "{SchemaName}"}

SCHEMA = ResourceType(
    "AWS::EventSchemas::Schema",
    "schemas",
    name=Name("SchemaName", 385, within=("RegistryName",)),
    create=Call("create_schema", props("RegistryName", "SchemaName", "Tags") | _SCHEMA),
    id="{SchemaArn}",
    attributes={
        "LastModified": "{LastModified}",
        "SchemaArn": "{SchemaArn}",
        "SchemaName": "{SchemaName}",
        "SchemaVersion": "{SchemaVersion}",
        "VersionCreatedDate": "{VersionCreatedDate}",
    },
    steps=(
        Setting(Call("update_schema", _SCHEMA, _SCHEMA_NAME), at_creation=False, send_all=True),
        Tags("tag_resource", "untag_resource", {"ResourceArn": "{SchemaArn}"}),
    ),
    delete=(Call("delete_schema", by=_SCHEMA_NAME),),
    immutable=frozenset({"RegistryName", "SchemaName"}),
)

REGISTRY_POLICY = ResourceType(
    "AWS::EventSchemas::RegistryPolicy",
    "schemas",
    create=None,
    id="{RegistryName}",
    steps=(Setting(Call("put_resource_policy", props("Policy", "RegistryName")), send_all=True),),
    delete=(Call("delete_resource_policy", by=_REGISTRY_NAME),),
    other_properties=frozenset({"RevisionId"}),
)

TYPES = (REGISTRY, SCHEMA, REGISTRY_POLICY)
