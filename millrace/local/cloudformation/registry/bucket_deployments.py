"""CDK's deployments of files to a bucket, done here: CDK's function needs the AWS CLI.

https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_s3_deployment-readme.html
"""

import io
import json
import mimetypes
import zipfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from typing import Any

from millrace.local.cloudformation.registry.calls import Cloud
from millrace.local.cloudformation.registry.types import ignore_not_found
from millrace.local.core.json_text import is_true

Properties = Mapping[str, Any]
_SYSTEM_METADATA = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
}


def bucket_deployment(cloud: Cloud, old: Properties | None, new: Properties | None) -> dict[str, Any]:
    """Put the files of the sources into the bucket, and delete others below the prefix unless `Prune` is false."""
    client: Any = cloud.clients("s3")
    if new is None:
        if old and not is_true(old.get("RetainOnDelete", True)):
            with ignore_not_found():
                _delete(client, old, keep=set())
        return {}
    files = dict(_files(client, new))
    for key, content in files.items():
        _put(client, new, key, content)
    if is_true(new.get("Prune", True)):
        _delete(client, new, keep=set(files))
    bucket = new["DestinationBucketName"]
    arn = f"arn:{cloud.partition}:s3:::{bucket}"
    return {"DestinationBucketArn": arn, "DeployedBucket": bucket, "SourceObjectKeys": new["SourceObjectKeys"]}


def _prefix(properties: Properties) -> str:
    prefix = str(properties.get("DestinationBucketKeyPrefix") or "").strip("/")
    return f"{prefix}/" if prefix else ""


def _files(client: Any, properties: Properties) -> Iterator[tuple[str, bytes]]:
    """Yield the key and the content of each file of the sources."""
    prefix, sources = _prefix(properties), (properties["SourceBucketNames"], properties["SourceObjectKeys"])
    for index, (bucket, key) in enumerate(zip(*sources, strict=True)):
        content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        if not is_true(properties.get("Extract", True)):
            yield f"{prefix}{key.rpartition('/')[2]}", content
            continue
        markers = _markers(properties, index)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                if not name.endswith("/") and _is_included(properties, name):
                    yield f"{prefix}{name}", _filled(archive.read(name), markers)


def _is_included(properties: Properties, name: str) -> bool:
    excluded = any(fnmatch(name, pattern) for pattern in properties.get("Exclude") or ())
    return not excluded or any(fnmatch(name, pattern) for pattern in properties.get("Include") or ())


def _markers(properties: Properties, index: int) -> dict[bytes, bytes]:
    """Return the values of a source that are known at deployment only."""
    markers = (properties.get("SourceMarkers") or [])[index : index + 1]
    settings = (properties.get("SourceMarkersConfig") or [])[index : index + 1]
    escape = any(is_true(each.get("jsonEscape")) for each in settings)
    values = {name: str(value) for each in markers for name, value in each.items()}
    return {name.encode(): (json.dumps(text)[1:-1] if escape else text).encode() for name, text in values.items()}


def _filled(content: bytes, markers: Mapping[bytes, bytes]) -> bytes:
    for name, value in markers.items():
        content = content.replace(name, value)
    return content


def _put(client: Any, properties: Properties, key: str, content: bytes) -> None:
    given = properties.get("SystemMetadata") or {}
    metadata = {_SYSTEM_METADATA[name]: value for name, value in given.items() if name in _SYSTEM_METADATA}
    metadata.setdefault("ContentType", mimetypes.guess_type(key)[0] or "binary/octet-stream")
    own = properties.get("UserMetadata") or {}
    client.put_object(Bucket=properties["DestinationBucketName"], Key=key, Body=content, Metadata=own, **metadata)


def _delete(client: Any, properties: Properties, keep: set[str]) -> None:
    bucket = properties["DestinationBucketName"]
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=_prefix(properties)):
        for each in page.get("Contents", ()):
            name = each["Key"].removeprefix(_prefix(properties))
            if each["Key"] not in keep and _is_included(properties, name):
                client.delete_object(Bucket=bucket, Key=each["Key"])
