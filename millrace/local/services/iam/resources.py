"""Roles and policies. Users and groups are in `user_resources`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import ForEach, Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Step, StepContext
from millrace.local.services.iam.user_resources import USER_TYPES

_ROLE_NAME = {"RoleName": "{id}"}

ROLE = ResourceType(
    "AWS::IAM::Role",
    "iam",
    name=Name("RoleName", 64),
    create=Call(
        "create_role",
        props(
            "AssumeRolePolicyDocument",
            "Description",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "RoleName",
            "Tags",
        ),
    ),
    id="{RoleName}",
    attributes={"Arn": "{Role[Arn]}", "RoleId": "{Role[RoleId]}"},
    steps=(
        Setting(
            Call("update_assume_role_policy", props(AssumeRolePolicyDocument="PolicyDocument"), _ROLE_NAME),
            at_creation=False,
        ),
        Setting(Call("update_role", props("Description", "MaxSessionDuration"), _ROLE_NAME), at_creation=False),
        Setting(
            Call("put_role_permissions_boundary", props("PermissionsBoundary"), _ROLE_NAME),
            unset=Call("delete_role_permissions_boundary", by=_ROLE_NAME),
            at_creation=False,
        ),
        ForEach(
            "ManagedPolicyArns",
            put=Call("attach_role_policy", by=_ROLE_NAME | {"PolicyArn": "{member}"}),
            remove=Call("detach_role_policy", by=_ROLE_NAME | {"PolicyArn": "{member}"}),
        ),
        ForEach(
            "Policies",
            put=Call("put_role_policy", {"member": Argument("")}, _ROLE_NAME),
            remove=Call("delete_role_policy", by=_ROLE_NAME | {"PolicyName": "{member[PolicyName]}"}),
            key=lambda policy: str(policy["PolicyName"]),
        ),
        Tags("tag_role", "untag_role", _ROLE_NAME),
    ),
    delete=(Call("delete_role", by=_ROLE_NAME),),
    immutable=frozenset({"Path", "RoleName"}),
    defaults={"Description": "", "MaxSessionDuration": 3600},
)


def _inline_policies(principals: str, kind: str) -> ForEach:
    by = {f"{kind}Name": "{member}", "PolicyName": "{PolicyName}"}
    put = Call(f"put_{kind.lower()}_policy", props("PolicyDocument"), by)
    return ForEach(principals, put, Call(f"delete_{kind.lower()}_policy", by=by), shared=frozenset({"PolicyDocument"}))


def _attached_policies(principals: str, kind: str) -> ForEach:
    by = {f"{kind}Name": "{member}", "PolicyArn": "{id}"}
    return ForEach(
        principals, Call(f"attach_{kind.lower()}_policy", by=by), Call(f"detach_{kind.lower()}_policy", by=by)
    )


_PRINCIPALS = (("Roles", "Role"), ("Users", "User"), ("Groups", "Group"))

POLICY = ResourceType(
    "AWS::IAM::Policy",
    "iam",
    name=Name(None, 128),
    create=None,
    id="{name}",
    attributes={"Id": "{name}"},
    steps=tuple(_inline_policies(*each) for each in _PRINCIPALS),
    immutable=frozenset({"PolicyName"}),
    other_properties=frozenset({"PolicyName"}),
)


_PUT_VERSION = Call("create_policy_version", props("PolicyDocument"), {"PolicyArn": "{id}", "SetAsDefault": "true"})
_LIST_VERSIONS = Call("list_policy_versions", by={"PolicyArn": "{id}"})
_REMOVE_VERSION = Call("delete_policy_version", by={"PolicyArn": "{id}", "VersionId": "{version}"})


@dataclass(frozen=True)
class _PolicyVersions(Step):
    """The document of a managed policy: a change creates a new default version and deletes the previous one."""

    properties: frozenset[str] = frozenset({"PolicyDocument"})

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (_PUT_VERSION, _LIST_VERSIONS, _REMOVE_VERSION)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Create a version of a changed document."""
        if before is not None and before["PolicyDocument"] != context.properties["PolicyDocument"]:
            context.call(_PUT_VERSION)
            self.clean_up(context)
        return {}

    def clean_up(self, context: StepContext) -> None:
        """Delete every version but the default one."""
        for version in context.call(_LIST_VERSIONS)["Versions"]:
            if not version["IsDefaultVersion"]:
                context.call(_REMOVE_VERSION, version=version["VersionId"])


_STEPS: tuple[Step, ...] = (_PolicyVersions(), *(_attached_policies(*each) for each in _PRINCIPALS))

MANAGED_POLICY = ResourceType(
    "AWS::IAM::ManagedPolicy",
    "iam",
    name=Name("ManagedPolicyName", 128),
    create=Call(
        "create_policy",
        props("Description", "Path", "PolicyDocument", ManagedPolicyName="PolicyName"),
    ),
    id="{Policy[Arn]}",
    attributes={"PolicyArn": "{Policy[Arn]}", "PolicyId": "{Policy[PolicyId]}"},
    steps=_STEPS,
    delete=(Call("delete_policy", by={"PolicyArn": "{id}"}),),
    immutable=frozenset({"Description", "ManagedPolicyName", "Path"}),
)

TYPES = (ROLE, POLICY, MANAGED_POLICY, *USER_TYPES)
