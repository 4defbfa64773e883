"""Image repositories, such as the one of `cdk bootstrap`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ECR.html
"""

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import ResourceType

_REPOSITORY_NAME = {"repositoryName": "{id}"}
_SCANNING = props("ImageScanningConfiguration")
_MUTABILITY = props("ImageTagMutability")

REPOSITORY = ResourceType(
    "AWS::ECR::Repository",
    "ecr",
    name=Name("RepositoryName", 256, lower=True),
    create=Call(
        "create_repository", props("EncryptionConfiguration", "RepositoryName", "Tags") | _SCANNING | _MUTABILITY
    ),
    id="{RepositoryName}",
    attributes={"Arn": "{repository[repositoryArn]}", "RepositoryUri": "{repository[repositoryUri]}"},
    steps=(
        Setting(
            Call(
                "put_lifecycle_policy",
                {"LifecyclePolicy": Argument("lifecyclePolicyText", lambda policy: policy["LifecyclePolicyText"])},
                _REPOSITORY_NAME,
            ),
            unset=Call("delete_lifecycle_policy", by=_REPOSITORY_NAME),
        ),
        Setting(
            Call("set_repository_policy", props(RepositoryPolicyText="policyText"), _REPOSITORY_NAME),
            unset=Call("delete_repository_policy", by=_REPOSITORY_NAME),
        ),
        Setting(Call("put_image_scanning_configuration", _SCANNING, _REPOSITORY_NAME), at_creation=False),
        Setting(Call("put_image_tag_mutability", _MUTABILITY, _REPOSITORY_NAME), at_creation=False),
        Tags("tag_resource", "untag_resource", {"resourceArn": "{Arn}"}),
    ),
    delete=(Call("delete_repository", by=_REPOSITORY_NAME | {"force": "{EmptyOnDelete}"}),),
    immutable=frozenset({"EncryptionConfiguration", "RepositoryName"}),
    defaults={
        "EmptyOnDelete": False,
        "ImageScanningConfiguration": {"scanOnPush": False},
        "ImageTagMutability": "MUTABLE",
    },
    other_properties=frozenset({"EmptyOnDelete"}),
)

TYPES = (REPOSITORY,)
