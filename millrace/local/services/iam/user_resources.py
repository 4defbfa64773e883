"""Users, groups and access keys, and inline policies as resources of their own.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html
"""

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import ForEach, Setting, Tags
from millrace.local.cloudformation.registry.types import ResourceType, Step


def _policies_of(kind: str) -> tuple[Step, ...]:
    """Return the steps that set the managed and inline policies of a user or a group."""
    by, lower = {f"{kind}Name": "{id}"}, kind.lower()
    managed, inline = by | {"PolicyArn": "{member}"}, by | {"PolicyName": "{member[PolicyName]}"}
    return (
        ForEach(
            "ManagedPolicyArns", Call(f"attach_{lower}_policy", by=managed), Call(f"detach_{lower}_policy", by=managed)
        ),
        ForEach(
            "Policies",
            put=Call(f"put_{lower}_policy", {"member": Argument("")}, by),
            remove=Call(f"delete_{lower}_policy", by=inline),
            key=lambda policy: str(policy["PolicyName"]),
        ),
    )


_USER_NAME = {"UserName": "{id}"}
_MEMBERSHIP = _USER_NAME | {"GroupName": "{member}"}

USER = ResourceType(
    "AWS::IAM::User",
    "iam",
    name=Name("UserName", 64),
    create=Call("create_user", props("Path", "PermissionsBoundary", "Tags", "UserName")),
    id="{UserName}",
    attributes={"Arn": "{User[Arn]}"},
    steps=(
        *_policies_of("User"),
        ForEach("Groups", Call("add_user_to_group", by=_MEMBERSHIP), Call("remove_user_from_group", by=_MEMBERSHIP)),
        Tags("tag_user", "untag_user", _USER_NAME),
    ),
    delete=(Call("delete_user", by=_USER_NAME),),
    immutable=frozenset({"Path", "PermissionsBoundary", "UserName"}),
    not_in_moto={"LoginProfile": "the local cloud has no console to sign in to"},
)

GROUP = ResourceType(
    "AWS::IAM::Group",
    "iam",
    name=Name("GroupName", 128),
    create=Call("create_group", props("GroupName", "Path")),
    id="{GroupName}",
    attributes={"Arn": "{Group[Arn]}"},
    steps=_policies_of("Group"),
    delete=(Call("delete_group", by={"GroupName": "{id}"}),),
    immutable=frozenset({"GroupName", "Path"}),
)

_ADDITION = {"GroupName": "{GroupName}", "UserName": "{member}"}

USER_TO_GROUP_ADDITION = ResourceType(
    "AWS::IAM::UserToGroupAddition",
    "iam",
    create=None,
    id="{logical_id}",
    attributes={"Id": "{logical_id}"},
    steps=(ForEach("Users", Call("add_user_to_group", by=_ADDITION), Call("remove_user_from_group", by=_ADDITION)),),
    immutable=frozenset({"GroupName"}),
    other_properties=frozenset({"GroupName"}),
)

_KEY = {"UserName": "{UserName}", "AccessKeyId": "{id}"}

ACCESS_KEY = ResourceType(
    "AWS::IAM::AccessKey",
    "iam",
    create=Call("create_access_key", props("UserName")),
    id="{AccessKey[AccessKeyId]}",
    attributes={"Id": "{AccessKey[AccessKeyId]}", "SecretAccessKey": "{AccessKey[SecretAccessKey]}"},
    steps=(Setting(Call("update_access_key", props("Status"), _KEY)),),
    delete=(Call("delete_access_key", by=_KEY),),
    immutable=frozenset({"Serial", "UserName"}),
    defaults={"Status": "Active"},
    other_properties=frozenset({"Serial"}),
)


def _inline_policy(kind: str) -> ResourceType:
    by = {f"{kind}Name": f"{{{kind}Name}}", "PolicyName": "{PolicyName}"}
    named = frozenset({f"{kind}Name", "PolicyName"})
    return ResourceType(
        f"AWS::IAM::{kind}Policy",
        "iam",
        create=None,
        id=f"{{PolicyName}}|{{{kind}Name}}",
        steps=(Setting(Call(f"put_{kind.lower()}_policy", props("PolicyDocument"), by)),),
        delete=(Call(f"delete_{kind.lower()}_policy", by=by),),
        immutable=named,
        other_properties=named,
    )


USER_TYPES = (USER, GROUP, USER_TO_GROUP_ADDITION, ACCESS_KEY, *map(_inline_policy, ("Role", "User", "Group")))
