"""The permissions that S3's operations need. Many actions do not have the operation's name.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

import re
from urllib.parse import parse_qs, unquote, urlparse
from xml.parsers.expat import ExpatError

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import UnsupportedPolicyError
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
_SETTING = re.compile(
    r"(Get|Put|Delete|List)Bucket"
    r"(Accelerate|Analytics|Encryption|IntelligentTiering|Inventory|Lifecycle|Metrics|Replication)(Configurations?)?"
)
_OTHER_CASE = {
    "DeleteBucketCors": "s3:PutBucketCORS",
    "DeleteBucketTagging": "s3:PutBucketTagging",
    "GetBucketCors": "s3:GetBucketCORS",
    "PutBucketCors": "s3:PutBucketCORS",
}


_VERSIONED = {
    "DeleteObject",
    "DeleteObjectTagging",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectTagging",
    "PutObjectAcl",
    "PutObjectTagging",
}
_BY_HEADER = {"x-amz-acl": "PutObjectAcl", "x-amz-tagging": "PutObjectTagging"}
"""Further actions of PutObject."""
_QUERY_KEYS = {"prefix", "delimiter", "max-keys", "versionId"}


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permissions on the bucket or object, on the source of a copy, and on each key of DeleteObjects.

    Differs: DeleteObjects is denied as a whole if one of its keys is denied.
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
        needed.append(_copied(source, known))
    if action == "s3:PutObject":
        further = [name for header, name in _BY_HEADER.items() if header in call.request.headers]
        needed += [Permission(f"s3:{name}", resource, known) for name in further]
    return needed


def _action(operation: str) -> str:
    setting = _SETTING.fullmatch(operation)
    if setting:
        return f"s3:{'Get' if setting[1] in ('Get', 'List') else 'Put'}{setting[2]}Configuration"
    return _OTHER_CASE.get(operation, f"s3:{_ACTIONS.get(operation, operation)}")


def _versioned(action: str, version: object) -> str:
    """Return the action for one version of an object."""
    name = action.removeprefix("s3:")
    if not version or name not in _VERSIONED:
        return action
    return f"s3:{name.replace('Object', 'ObjectVersion')}"


def _arn(bucket: str, key: str | None) -> str:
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _copied(source: str, known: Known) -> Permission:
    """Return the permission on the source of a copy. moto reads it as a URL, so a host or a fragment names another key.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    url = urlparse(source)
    if url.scheme or url.netloc or url.params or url.fragment:
        raise UnsupportedPolicyError(f"x-amz-copy-source must be BUCKET/KEY, percent-encoded, not {source!r}.")
    version = "versionId" in parse_qs(url.query)
    return Permission(_versioned("s3:GetObject", version), f"arn:aws:s3:::{unquote(url.path).lstrip('/')}", known)


def _deleted(call: Call) -> list[tuple[str, bool]]:
    """Return the keys, each with whether the request names a version. moto reads them with the same parser."""
    import xmltodict

    try:
        objects = xmltodict.parse(call.request.body, strip_whitespace=False)["Delete"]["Object"]
        entries = objects if isinstance(objects, list) else [objects]
        return [(str(entry["Key"]), "VersionId" in entry) for entry in entries]
    except (ExpatError, ValueError, KeyError, TypeError) as error:
        raise UnsupportedPolicyError(f"The body of DeleteObjects does not name the keys to delete: {error}.") from error


def _known(call: Call) -> Known:
    """Return condition keys. https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html."""
    headers = {f"s3:{name}": (value,) for name, value in call.request.headers.items() if name.startswith("x-amz-")}
    query = {f"s3:{name.lower()}": (value,) for name, value in call.query.items() if name in _QUERY_KEYS}
    return {**headers, **query}


REQUIRED = {"s3": required}
