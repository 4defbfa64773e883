"""One package per AWS service, found by itself.

A package's `SERVICE` is its class, `resources.TYPES` are its CloudFormation resource types, `permissions.required`
gives the permissions that its calls need, and `moto_changes.apply` makes its changes to moto. All are optional.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

from millrace.local.core.service import Service


def packages() -> Iterator[str]:
    """Yield the name of each service's package."""
    return (f"{__name__}.{module.name}" for module in iter_modules(__path__) if module.ispkg)


def modules(name: str) -> Iterator[ModuleType]:
    """Yield the module of this name of each service that has one."""
    for package in packages():
        if find_spec(f"{package}.{name}"):
            yield import_module(f"{package}.{name}")


def service_classes() -> list[type[Service]]:
    """Return the class of each service."""
    found = (getattr(import_module(package), "SERVICE", None) for package in packages())
    return [service for service in found if service is not None]
