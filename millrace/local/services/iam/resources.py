"""Roles and their policies.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace.local.cloudformation.registry.calls import Call, Take, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Each, Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Step, Subject

_OF_ROLE = {"RoleName": "{id}"}

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
            Call("update_assume_role_policy", props(AssumeRolePolicyDocument="PolicyDocument"), _OF_ROLE),
            at_creation=False,
        ),
        Setting(Call("update_role", props("Description", "MaxSessionDuration"), _OF_ROLE), at_creation=False),
        Setting(
            Call("put_role_permissions_boundary", props("PermissionsBoundary"), _OF_ROLE),
            unset=Call("delete_role_permissions_boundary", by=_OF_ROLE),
            at_creation=False,
        ),
        Each(
            "ManagedPolicyArns",
            put=Call("attach_role_policy", by=_OF_ROLE | {"PolicyArn": "{member}"}),
            remove=Call("detach_role_policy", by=_OF_ROLE | {"PolicyArn": "{member}"}),
        ),
        Each(
            "Policies",
            put=Call("put_role_policy", {"member": Take("")}, _OF_ROLE),
            remove=Call("delete_role_policy", by=_OF_ROLE | {"PolicyName": "{member[PolicyName]}"}),
            key=lambda policy: str(policy["PolicyName"]),
        ),
        Tags("tag_role", "untag_role", _OF_ROLE),
    ),
    delete=(Call("delete_role", by=_OF_ROLE),),
    immutable=frozenset({"Path", "RoleName"}),
    defaults={"Description": "", "MaxSessionDuration": 3600},
)


def _inline(principals: str, kind: str) -> Each:
    by = {f"{kind}Name": "{member}", "PolicyName": "{PolicyName}"}
    put = Call(f"put_{kind.lower()}_policy", props("PolicyDocument"), by)
    return Each(principals, put, Call(f"delete_{kind.lower()}_policy", by=by), also=frozenset({"PolicyDocument"}))


def _attached(principals: str, kind: str) -> Each:
    by = {f"{kind}Name": "{member}", "PolicyArn": "{id}"}
    return Each(principals, Call(f"attach_{kind.lower()}_policy", by=by), Call(f"detach_{kind.lower()}_policy", by=by))


_PRINCIPALS = (("Roles", "Role"), ("Users", "User"), ("Groups", "Group"))

POLICY = ResourceType(
    "AWS::IAM::Policy",
    "iam",
    name=Name(None, 128),
    create=None,
    id="{name}",
    attributes={"Id": "{name}"},
    steps=tuple(_inline(*each) for each in _PRINCIPALS),
    immutable=frozenset({"PolicyName"}),
    accepts=frozenset({"PolicyName"}),
)


_PUT_VERSION = Call("create_policy_version", props("PolicyDocument"), {"PolicyArn": "{id}", "SetAsDefault": "true"})
_LIST_VERSIONS = Call("list_policy_versions", by={"PolicyArn": "{id}"})
_REMOVE_VERSION = Call("delete_policy_version", by={"PolicyArn": "{id}", "VersionId": "{version}"})


@dataclass(frozen=True)
class _Versions:
    """The document of a managed policy: each change is a new default version, and the one before it goes."""

    properties: frozenset[str] = frozenset({"PolicyDocument"})

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        return (_PUT_VERSION, _LIST_VERSIONS, _REMOVE_VERSION)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Make a version of a document that changed."""
        if before is not None and before["PolicyDocument"] != subject.properties["PolicyDocument"]:
            subject.call(_PUT_VERSION)
            self.undo(subject)
        return {}

    def undo(self, subject: Subject) -> None:
        """Delete every version but the default one."""
        for version in subject.call(_LIST_VERSIONS)["Versions"]:
            if not version["IsDefaultVersion"]:
                subject.call(_REMOVE_VERSION, version=version["VersionId"])


_STEPS: tuple[Step, ...] = (_Versions(), *(_attached(*each) for each in _PRINCIPALS))

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

TYPES = (ROLE, POLICY, MANAGED_POLICY)
