"""File assets: zipped once, and uploaded to the buckets that the templates name."""

import os
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.assembly import Asset
from millrace.local.cloudformation.registry.calls import Clients
from millrace.local.core.http import MAX_OBJECT_BYTES

_EPOCH = (1980, 1, 1, 0, 0, 0)


class Assets:
    """Uploads assets to S3. `cache` is a folder of zips, named after the asset's hash."""

    def __init__(self, clients: Clients, region: str, cache: Path) -> None:
        self._clients = clients
        self._region = region
        self._cache = cache
        self._buckets: set[str] = set()
        self._published: set[tuple[str, str]] = set()

    def publish(self, assets: Iterable[Asset]) -> None:
        """Upload each asset that is not uploaded yet."""
        for asset in assets:
            if (asset.bucket, asset.key) not in self._published:
                self._create_bucket(asset.bucket)
                self._upload(self._file(asset), asset)
                self._published.add((asset.bucket, asset.key))

    def delete(self) -> None:
        """Delete the uploaded assets and their buckets."""
        for bucket, key in self._published:
            self._s3.delete_object(Bucket=bucket, Key=key)
        for bucket in self._buckets:
            self._s3.delete_bucket(Bucket=bucket)
        self._buckets.clear()
        self._published.clear()

    @property
    def _s3(self) -> Any:
        return self._clients("s3")

    def _upload(self, file: Path, asset: Asset) -> None:
        if file.stat().st_size > MAX_OBJECT_BYTES:
            self._s3.upload_file(str(file), asset.bucket, asset.key)  # in parts
        else:
            self._s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=file.read_bytes())

    def _create_bucket(self, bucket: str) -> None:
        if bucket in self._buckets:
            return
        location = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        try:
            self._s3.create_bucket(Bucket=bucket, **({} if self._region == "us-east-1" else location))
        except ClientError as error:
            if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
                raise
        self._buckets.add(bucket)

    def _file(self, asset: Asset) -> Path:
        if not asset.zipped:
            return asset.path
        zipped = self._cache / f"{asset.id}.zip"
        if not zipped.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            incomplete = zipped.with_suffix(f".{os.getpid()}.part")
            zip_folder(asset.path, incomplete)
            incomplete.replace(zipped)
        return zipped


def zip_folder(folder: Path, target: Path) -> None:
    """Zip a folder reproducibly: sorted, without timestamps, with the modes 755 and 644."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            executable = path.stat().st_mode & stat.S_IXUSR
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            archive.writestr(entry, path.read_bytes())
