"""Changes to moto's IAM."""

import sys
from collections.abc import Callable
from copy import copy
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Any

from millrace.local.core.moto_patches import replace, replace_attribute

_X509 = "cryptography.x509"


def apply(_region: Any) -> None:
    """Change moto's policies."""
    _import_certificates_later()
    _make_policies_once()
    _accept_old_versions()


def _accept_old_versions() -> None:
    """IAM accepts a policy of version 2008-10-17, which is the default. AWS SAM writes policies without a version.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
    """
    from moto.iam.policy_validation import BaseIAMPolicyValidator

    replace(BaseIAMPolicyValidator, "_validate_version", lambda _validator: None)


def _import_certificates_later() -> None:
    """moto imports cryptography.x509, a tenth of its own import, for server certificates of IAM."""
    if _X509 in sys.modules:
        return
    sys.modules[_X509] = _Later(_X509)
    try:
        import_module("moto.iam.models")
    finally:
        del sys.modules[_X509]


class _Later(ModuleType):
    """A module that is imported when its content is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


def _make_policies_once() -> None:
    """Parse AWS's managed policies once, when one is used. moto parses all 1,582 per partition and at every reset."""
    from moto.iam.models import IAMBackend, iam_backends

    make, begin = IAMBackend._init_aws_policies, IAMBackend.__init__
    made: dict[str, list[Any]] = {}

    def aws_managed_policies(backend: Any) -> list[Any]:
        if backend.partition != "aws":
            return []
        if backend.account_id not in made:
            made[backend.account_id] = make(backend)
        return [copy(policy) for policy in made[backend.account_id]]

    def __init__(backend: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        begin(backend, *args, **kwargs)
        del backend.aws_managed_policies, backend.managed_policies

    replace(IAMBackend, "__init__", __init__)
    replace(IAMBackend, "_init_aws_policies", lambda _backend: [])
    _compute_lazily(IAMBackend, "aws_managed_policies", aws_managed_policies)
    _compute_lazily(IAMBackend, "managed_policies", IAMBackend._init_managed_policies)
    for account in iam_backends.values():
        for backend in account.values():
            forget_missing_policies(backend)


def forget_missing_policies(backend: Any) -> None:
    """Let a backend that moto made before, as for `mock_aws`, find AWS's managed policies. It keeps its own ones."""
    if not backend.__dict__.get("aws_managed_policies", True):
        del backend.aws_managed_policies
        if own := backend.__dict__.pop("managed_policies"):
            backend.managed_policies.update(own)


def _compute_lazily(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Add an attribute to a class that is computed when it is first read."""
    attribute = cached_property(make)
    attribute.__set_name__(owner, name)
    replace_attribute(owner, name, attribute)
