"""moto's state of one local cloud among several in a process: each has moto for itself while it is in force."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class MotoState:
    """The backends of one cloud, which are put in place of those of another."""

    def __init__(self) -> None:
        self._backends: dict[Any, dict[str, Any]] = {}
        self._buckets: dict[str, Any] = {}

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Exchange moto's backends for those of this cloud, and back."""
        from moto.core.base_backend import BackendDict
        from moto.s3.models import s3_backends

        others = self._exchange(BackendDict, self._backends)
        buckets, s3_backends.bucket_accounts = s3_backends.bucket_accounts, self._buckets
        try:
            yield
        finally:
            self._backends = self._exchange(BackendDict, others)
            self._buckets, s3_backends.bucket_accounts = s3_backends.bucket_accounts, buckets

    @staticmethod
    def _exchange(kind: Any, new: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
        instances = kind._instances  # noqa: SLF001 - moto's
        old = {backend: dict(backend) for backend in instances}
        for backend in instances:
            backend.clear()
        instances[:] = new
        for backend, accounts in new.items():
            backend.update(accounts)
        return old
