"""Clients of boto3 that are created before a run, since a client takes longer than a handler.

A run reports the clients and modules that each function needed. They are made once for all later runs.
"""

import importlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar
from unittest.mock import patch

import boto3
import botocore.session
from boto3.resources.factory import ResourceFactory
from boto3.session import Session
from botocore.client import BaseClient, ClientCreator
from botocore.config import Config

from millrace.local.core.botocore_models import models
from millrace.local.simulation.direct import RECORDED, Direct
from millrace.local.simulation.surroundings import Made, Recorded, Surroundings, Switch


@dataclass(frozen=True)
class Needs:
    """The clients, their calls, and the modules that a function needed besides those of its initialization."""

    created: list[Made]
    recorded: dict[Made, Recorded]
    modules: list[str]


def needs_of(surroundings: Surroundings, modules: list[str]) -> Needs:
    """Return the needs of a function, with those shared `modules` that were loaded after its initialization."""
    count, known = surroundings.loaded
    created = [made for made, _ in surroundings.created[count:]]
    return Needs(
        created, surroundings.recorded, [*(each for each in surroundings.modules if each not in known), *modules]
    )


Needed = dict[str, Needs]
"""The needs of each function."""


class PreparedSession(Session):
    """A session that takes clients made in advance. It initialises itself when it needs to, which takes 10 ms."""

    switch: ClassVar[Switch]
    nested: ClassVar[bool] = False

    def __init__(self, *args: Any, **options: Any) -> None:
        self._given = (args, options)
        self._plain = not args and not any(options.values())

    def __getattr__(self, name: str) -> Any:
        """Initialise the session at the first use of its state."""
        if name.startswith("__") or "_session" in vars(self):
            raise AttributeError(name)
        args, options = self._given
        super().__init__(*args, **options)
        return getattr(self, name)

    def client(self, service_name: str, *args: Any, **options: Any) -> Any:
        """Return a client, if possible one that was made in advance."""
        return self._made("client", service_name, *args, **options)

    def resource(self, service_name: str, *args: Any, **options: Any) -> Any:
        """Return a resource, if possible one that was made in advance."""
        return self._made("resource", service_name, *args, **options)

    def _made(self, kind: str, service: str, *args: Any, **options: Any) -> Any:
        current, create = self.switch.current, getattr(super(), kind)
        if not self._plain or args or options.keys() - {"config"} or PreparedSession.nested:
            return create(service, *args, **options)
        made = (kind, service, _settings(options.get("config")))
        prepared = current.prepared.get(made)
        created = prepared.pop() if prepared else _alone(partial(create, service, **options))
        current.created.append((made, created))
        setattr(_client(created), RECORDED, current.recorded.setdefault(made, {}))
        return created


def _alone(create: Callable[[], Any]) -> Any:
    """Create a resource without the preparation of its client."""
    PreparedSession.nested = True
    try:
        return create()
    finally:
        PreparedSession.nested = False


def _created(session: Any, made: Made) -> Any:
    """Create a client in advance. No function has it yet, so it is not among those that were created."""
    kind, service, settings = made
    options = {} if settings is None else {"config": Config(**dict(settings))}
    created = _alone(lambda: getattr(session, kind)(service, **options))
    if (kind, service) == ("resource", "dynamodb"):
        created.Table("any")  # creates the class
    return created


def _client(created: Any) -> Any:
    """Return the client of a resource, or the client itself."""
    return created if isinstance(created, BaseClient) else created.meta.client


def _settings(config: Config | None) -> tuple[tuple[str, Any], ...] | None:
    return None if config is None else tuple(sorted(vars(config)["_user_provided_options"].items()))


class Clients:
    """Makes the clients of handlers in advance."""

    def __init__(self, switch: Switch, direct: Direct) -> None:
        self._switch = switch
        self._direct = direct
        self._classes: dict[tuple[str, str], Any] = {}

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Replace the sessions of boto3."""
        load = ResourceFactory.load_from_definition
        load_model, create_class = ClientCreator._load_service_model, ClientCreator._create_client_class  # type: ignore[attr-defined] # noqa: SLF001 - botocore's

        def load_once(factory: Any, resource_name: str, service_context: Any, **definition: Any) -> Any:
            """Return the class of a resource. boto3 creates it for each object, as for each Table."""
            key = (service_context.service_name, resource_name)
            if key not in self._classes:
                self._classes[key] = load(factory, resource_name, service_context=service_context, **definition)
            return self._classes[key]

        def load_model_once(creator: Any, service: str, version: str | None) -> Any:
            """Return the model of a service. Each client would parse its own."""
            if ("model", service) not in self._classes:
                self._classes["model", service] = load_model(creator, service, version)
            return self._classes["model", service]

        def create_class_once(creator: Any, service: str, model: Any) -> Any:
            """Return the class of a client, which has a method for each operation."""
            if ("client", service) not in self._classes:
                self._classes["client", service] = create_class(creator, service, model)
            return self._classes["client", service]

        PreparedSession.switch = self._switch
        with ExitStack() as stack:
            for module in (boto3, boto3.session):
                stack.enter_context(patch.object(module, "Session", PreparedSession))
            stack.enter_context(patch.object(botocore.session, "create_loader", lambda *_paths: models()))
            stack.enter_context(patch.object(ResourceFactory, "load_from_definition", load_once))
            stack.enter_context(patch.object(ClientCreator, "_load_service_model", load_model_once))
            stack.enter_context(patch.object(ClientCreator, "_create_client_class", create_class_once))
            yield

    def prepare(self, needs: Needs) -> None:
        """Import the modules and create the clients that the current function needed."""
        current, shared = self._switch.current, boto3.session.Session()
        for module in needs.modules:
            with suppress(ImportError):  # a part of a package, which the run imports in its own way
                importlib.import_module(module)
        for made, count in Counter(needs.created).items():
            ready = current.prepared.setdefault(made, [])
            ready += [_created(shared, made) for _ in range(count - len(ready))]
        for made, created in current.clients():
            self._warm(created, needs.recorded.get(made, {}))

    def _warm(self, created: Any, recorded: Recorded) -> None:
        """Repeat recorded calls without effect, so that a client fills its caches."""
        for operation, answered in recorded.items():
            self._direct.replay(_client(created), operation, answered)
