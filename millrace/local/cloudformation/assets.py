"""File assets: folders zipped once, and put where the templates expect them."""

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
    """Publishes assets into the buckets of one cloud. `cache` keeps the zips, each under its asset's hash."""

    def __init__(self, clients: Clients, region: str, cache: Path) -> None:
        self._clients = clients
        self._region = region
        self._cache = cache
        self._buckets: set[str] = set()
        self._published: set[tuple[str, str]] = set()

    def publish(self, assets: Iterable[Asset]) -> None:
        """Put each asset that is not there yet into its bucket."""
        for asset in assets:
            if (asset.bucket, asset.key) not in self._published:
                self._ensure(asset.bucket)
                self._upload(self._packed(asset), asset)
                self._published.add((asset.bucket, asset.key))

    def forget(self) -> None:
        """Take it that nothing is published, as after a reset of the cloud."""
        self._buckets.clear()
        self._published.clear()

    def withdraw(self) -> None:
        """Take what was published, and the buckets that were made for it, out of the cloud."""
        for bucket, key in self._published:
            self._s3.delete_object(Bucket=bucket, Key=key)
        for bucket in self._buckets:
            self._s3.delete_bucket(Bucket=bucket)
        self.forget()

    @property
    def _s3(self) -> Any:
        return self._clients("s3")

    def _upload(self, packed: Path, asset: Asset) -> None:
        if packed.stat().st_size > MAX_OBJECT_BYTES:
            self._s3.upload_file(str(packed), asset.bucket, asset.key)  # in parts
        else:
            self._s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=packed.read_bytes())

    def _ensure(self, bucket: str) -> None:
        if bucket in self._buckets:
            return
        elsewhere = {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
        try:
            self._s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": elsewhere} if elsewhere else {}))
        except ClientError as error:
            if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
                raise
        self._buckets.add(bucket)

    def _packed(self, asset: Asset) -> Path:
        if not asset.zipped:
            return asset.path
        packed = self._cache / f"{asset.id}.zip"
        if not packed.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            unready = packed.with_suffix(f".{os.getpid()}.part")
            zip_folder(asset.path, unready)
            unready.replace(packed)
        return packed


def zip_folder(folder: Path, target: Path) -> None:
    """Zip a folder so that the same files always give the same bytes: sorted, without times, modes 755 and 644."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            runs = path.stat().st_mode & stat.S_IXUSR
            entry.external_attr = (stat.S_IFREG | (0o755 if runs else 0o644)) << 16
            archive.writestr(entry, path.read_bytes())
