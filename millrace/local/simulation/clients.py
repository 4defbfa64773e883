"""Clients of boto3 that are created before a run, since a client takes longer than a handler.

A run reports the clients and modules that each function needed. They are made once for all later runs.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3
from boto3.resources.factory import ResourceFactory

from millrace.local.simulation.surroundings import Switch

Needed = dict[str, tuple[list[tuple[str, str]], list[str]]]
"""Of each function: the kinds and services of its clients, and its modules."""


class Clients:
    """Creates the clients of handlers with their default session, or takes those that were made in advance."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._classes: dict[tuple[str, str], Any] = {}

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Replace the functions of boto3 that create clients."""
        load = ResourceFactory.load_from_definition

        def load_once(factory: Any, resource_name: str, service_context: Any, **definition: Any) -> Any:
            """Return the class of a resource. boto3 creates it for each object, as for each Table."""
            key = (service_context.service_name, resource_name)
            if key not in self._classes:
                self._classes[key] = load(factory, resource_name, service_context=service_context, **definition)
            return self._classes[key]

        with (
            patch.object(boto3, "client", self._creator("client", boto3.client)),
            patch.object(boto3, "resource", self._creator("resource", boto3.resource)),
            patch.object(ResourceFactory, "load_from_definition", load_once),
        ):
            yield

    def _creator(self, kind: str, create: Callable[..., Any]) -> Callable[..., Any]:
        def created(service: str, *args: Any, **options: Any) -> Any:
            current = self._switch.current
            if args or options or current is self._switch.cloud:
                return create(service, *args, **options)
            current.created.append((kind, service))
            made = current.prepared.get((kind, service))
            return made.pop() if made else create(service)

        return created

    def prepare(self, needed: tuple[list[tuple[str, str]], list[str]]) -> None:
        """Import the modules and create the clients that the current function needed."""
        current, (created, modules) = self._switch.current, needed
        for module in modules:
            importlib.import_module(module)
        for kind, service in created:
            made = getattr(boto3, kind)(service)
            current.prepared.setdefault((kind, service), []).append(made)
            if (kind, service) == ("resource", "dynamodb"):
                made.Table("any")  # creates the class
        current.created.clear()
