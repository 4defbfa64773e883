"""S3: the actions that its operations need, which are often named otherwise.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

import html
import re
from urllib.parse import unquote

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Known, Permission

_ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListDirectoryBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "SelectObjectContent": "GetObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
_SETTINGS = {
    "Accelerate": "Accelerate",
    "Analytics": "Analytics",
    "Encryption": "Encryption",
    "IntelligentTiering": "IntelligentTiering",
    "Inventory": "Inventory",
    "Lifecycle": "Lifecycle",
    "Metrics": "Metrics",
    "Replication": "Replication",
}
_SETTING = re.compile(rf"^(Get|Put|Delete|List)Bucket({'|'.join(_SETTINGS)})(Configurations?)?$")
_VERSIONED = {"GetObject", "DeleteObject", "GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"} | {
    "GetObjectAcl",
    "PutObjectAcl",
    "GetObjectAttributes",
}
_KEYS = re.compile(r"<Object>(.*?)</Object>", re.DOTALL)


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """The bucket or object; for a copy also its source; each key of DeleteObjects.

    Differs: DeleteObjects is denied whole if one of its keys is.
    """
    known = _known(call)
    bucket, key = str(call.params.get("Bucket") or ""), call.params.get("Key")
    action = _action(call.operation)
    if call.operation == "DeleteObjects":
        return [Permission(_versioned(action, version), _arn(bucket, name), known) for name, version in _deleted(call)]
    resource = _arn(bucket, str(key) if key else None) if bucket else "*"
    needed = [Permission(_versioned(action, "versionId" in call.query), resource, known)]
    source = call.request.headers.get("x-amz-copy-source")
    if source:
        path, _, version = unquote(source).lstrip("/").partition("?versionId=")
        needed.append(Permission(_versioned("s3:GetObject", version), f"arn:aws:s3:::{path}", known))
    if action == "s3:PutObject":
        needed += [
            Permission(f"s3:{more}", resource, known)
            for header, more in _ALSO.items()
            if header in call.request.headers
        ]
    return needed


_ALSO = {"x-amz-acl": "PutObjectAcl", "x-amz-tagging": "PutObjectTagging"}


def _action(operation: str) -> str:
    setting = _SETTING.match(operation)
    if setting:
        return f"s3:{'Get' if setting[1] in ('Get', 'List') else 'Put'}{setting[2]}Configuration"
    if operation in ("PutBucketCors", "DeleteBucketCors"):
        return "s3:PutBucketCORS"
    return {"GetBucketCors": "s3:GetBucketCORS", "DeleteBucketTagging": "s3:PutBucketTagging"}.get(
        operation, f"s3:{_ACTIONS.get(operation, operation)}"
    )


def _versioned(action: str, version: object) -> str:
    """The action on one version of an object."""
    name = action.removeprefix("s3:")
    if not version or name not in _VERSIONED:
        return action
    return f"s3:{name.replace('Object', 'ObjectVersion')}"


def _arn(bucket: str, key: str | None) -> str:
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _deleted(call: Call) -> list[tuple[str, bool]]:
    """Keys, and whether a version of each is named."""
    entries = _KEYS.findall(call.request.body.decode())
    return [
        (html.unescape(entry.partition("<Key>")[2].partition("</Key>")[0]), "<VersionId>" in entry) for entry in entries
    ]


def _known(call: Call) -> Known:
    """What conditions may look at: https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html."""
    headers = {f"s3:{name}": (value,) for name, value in call.request.headers.items() if name.startswith("x-amz-")}
    query = {f"s3:{name.lower()}": (value,) for name, value in call.query.items() if name in _QUERY}
    return {**headers, **query}


_QUERY = {"prefix", "delimiter", "max-keys", "versionId"}


REQUIRED = {"s3": required}
