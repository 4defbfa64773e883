"""Schema registries, which moto does not have: the calls of EventBridge's schema API.

https://docs.aws.amazon.com/eventbridge/latest/schema-reference/what-is-eventbridge-schemas.html
"""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.clock import iso
from millrace.local.core.errors import ApiError
from millrace.local.core.http import Request, Response
from millrace.local.core.json_text import parsed
from millrace.local.core.rest_routes import Router
from millrace.local.core.service import Service
from millrace.local.core.unsupported import unimplemented

_TYPES = ("OpenApi3", "JSONSchemaDraft4")
Given = dict[str, Any]


@dataclass
class _Schema:
    """A schema with its versions, each its content, type and moment."""

    name: str
    arn: str
    description: str
    tags: dict[str, str]
    versions: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def add(self, content: str, kind: str, moment: str) -> None:
        """A new version, unless the newest one says the same."""
        if not self.versions or self.versions[self.newest][:2] != (content, kind):
            self.versions[str(max(map(int, self.versions), default=0) + 1)] = (content, kind, moment)

    @property
    def newest(self) -> str:
        """The newest version."""
        return max(self.versions, key=int)


@dataclass
class _Registry:
    """A registry."""

    name: str
    arn: str
    description: str
    tags: dict[str, str]
    schemas: dict[str, _Schema] = field(default_factory=dict)
    policy: tuple[Any, str] | None = None


class Schemas(Service):
    """Keeps registries and answers the calls about them. It may be called from any thread."""

    arn_name = "schemas"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.respond = self.answer
        self._arn = f"arn:aws:schemas:{region.name}:{region.account}"
        self._clock = region.clock
        self._registries: dict[str, _Registry] = {}
        self._lock = threading.Lock()
        self._answers: dict[str, Callable[[Given], Any]] = {
            "CreateRegistry": self._create_registry,
            "CreateSchema": self._create_schema,
            "DeleteRegistry": self._delete_registry,
            "DeleteResourcePolicy": self._delete_policy,
            "DeleteSchema": self._delete_schema,
            "DeleteSchemaVersion": self._delete_version,
            "DescribeRegistry": lambda given: _told_registry(self._registry(given)),
            "DescribeSchema": self._describe_schema,
            "GetResourcePolicy": self._get_policy,
            "ListRegistries": self._list_registries,
            "ListSchemaVersions": self._list_versions,
            "ListSchemas": self._list_schemas,
            "PutResourcePolicy": self._put_policy,
            "SearchSchemas": self._search,
            "UpdateRegistry": self._update_registry,
            "UpdateSchema": self._update_schema,
        }

    @cached_property
    def _router(self) -> Router:
        return Router.of("schemas")

    def reset(self) -> None:
        """Empty every registry."""
        self._registries.clear()

    def answer(self, request: Request) -> Response:
        """Answer a call of the schema API; what is not answered here is refused by name."""
        try:
            with self._lock:
                if request.path.startswith("/tags/"):
                    return Response.of(self._tags(request))
                matched = self._router.match(request.method, request.path, request.query, request.headers)
                if matched is None or matched[0].operation not in self._answers:
                    return unimplemented(request)
                route, params = matched
                body = parsed(request.body) or {}
                given = {name[0].upper() + name[1:]: value for name, value in body.items()}
                return Response.of(self._answers[route.operation]({**given, **params}))
        except ApiError as refused:
            told = {"Code": refused.code, "Message": refused.message}
            return Response.of(told, refused.status, [("x-amzn-errortype", refused.code)])

    def _registry(self, given: Given) -> _Registry:
        name = given["RegistryName"]
        if name not in self._registries:
            raise ApiError("NotFoundException", f"Registry with name {name} does not exist.", 404)
        return self._registries[name]

    def _schema(self, given: Given) -> _Schema:
        registry, name = self._registry(given), given["SchemaName"]
        if name not in registry.schemas:
            raise ApiError("NotFoundException", f"Schema with name {name} does not exist.", 404)
        return registry.schemas[name]

    def _create_registry(self, given: Given) -> Any:
        name = given["RegistryName"]
        if name in self._registries:
            raise ApiError("ConflictException", f"Registry with name {name} already exists.", 409)
        arn = f"{self._arn}:registry/{name}"
        registry = _Registry(name, arn, given.get("Description", ""), given.get("Tags") or {})
        self._registries[name] = registry
        return _told_registry(registry)

    def _update_registry(self, given: Given) -> Any:
        registry = self._registry(given)
        registry.description = given.get("Description", registry.description)
        return _told_registry(registry)

    def _delete_registry(self, given: Given) -> Any:
        registry = self._registry(given)
        if registry.schemas:
            raise ApiError("BadRequestException", f"Registry {registry.name} has schemas: delete them first.")
        del self._registries[registry.name]
        return {}

    def _list_registries(self, given: Given) -> Any:
        prefix = given.get("RegistryNamePrefix", "")
        found = [each for name, each in sorted(self._registries.items()) if name.startswith(prefix)]
        keys = ("RegistryArn", "RegistryName", "tags")
        return {"Registries": [{key: _told_registry(each)[key] for key in keys} for each in found]}

    def _create_schema(self, given: Given) -> Any:
        registry, name = self._registry(given), given["SchemaName"]
        if name in registry.schemas:
            raise ApiError("ConflictException", f"Schema with name {name} already exists.", 409)
        arn = f"{self._arn}:schema/{registry.name}/{name}"
        schema = _Schema(name, arn, given.get("Description", ""), given.get("Tags") or {})
        schema.add(*self._content(given))
        registry.schemas[name] = schema
        return _told_schema(schema)

    def _update_schema(self, given: Given) -> Any:
        schema = self._schema(given)
        schema.description = given.get("Description", schema.description)
        if "Content" in given:
            schema.add(*self._content({"Type": schema.versions[schema.newest][1], **given}))
        return _told_schema(schema)

    def _content(self, given: Given) -> tuple[str, str, str]:
        content, kind = given["Content"], given.get("Type")
        if kind not in _TYPES:
            raise ApiError("BadRequestException", f"Type is {kind}: it must be one of {', '.join(_TYPES)}.")
        if not isinstance(parsed(content), dict):
            raise ApiError("BadRequestException", "Content is no JSON object.")
        return content, kind, iso(self._clock.now())

    def _describe_schema(self, given: Given) -> Any:
        schema = self._schema(given)
        version = given.get("SchemaVersion") or schema.newest
        return {**_told_schema(schema, self._version(schema, version)), "Content": schema.versions[version][0]}

    def _version(self, schema: _Schema, version: str) -> str:
        if version not in schema.versions:
            raise ApiError("NotFoundException", f"Schema {schema.name} has no version {version}.", 404)
        return version

    def _delete_schema(self, given: Given) -> Any:
        del self._registry(given).schemas[self._schema(given).name]
        return {}

    def _delete_version(self, given: Given) -> Any:
        schema = self._schema(given)
        del schema.versions[self._version(schema, given["SchemaVersion"])]
        if not schema.versions:
            self._delete_schema(given)
        return {}

    def _list_schemas(self, given: Given) -> Any:
        prefix = given.get("SchemaNamePrefix", "")
        found = [each for name, each in sorted(self._registry(given).schemas.items()) if name.startswith(prefix)]
        return {
            "Schemas": [
                {
                    "LastModified": each.versions[each.newest][2],
                    "SchemaArn": each.arn,
                    "SchemaName": each.name,
                    "VersionCount": len(each.versions),
                    "tags": each.tags,
                }
                for each in found
            ]
        }

    def _list_versions(self, given: Given) -> Any:
        schema = self._schema(given)
        told = {"SchemaArn": schema.arn, "SchemaName": schema.name}
        versions = sorted(schema.versions.items(), key=lambda item: int(item[0]), reverse=True)
        return {"SchemaVersions": [{**told, "SchemaVersion": number, "Type": each[1]} for number, each in versions]}

    def _search(self, given: Given) -> Any:
        """Schemas whose name or content has every word."""
        words = given["Keywords"].lower().split()
        registry = self._registry(given)
        texts = {name: f"{name} {s.versions[s.newest][0]}".lower() for name, s in registry.schemas.items()}
        found = [registry.schemas[name] for name, text in texts.items() if all(word in text for word in words)]
        return {"Schemas": [_found_schema(registry, each) for each in found]}

    def _put_policy(self, given: Given) -> Any:
        registry = self._registry(given)
        if registry.policy and given.get("RevisionId") not in (None, registry.policy[1]):
            raise ApiError("PreconditionFailedException", f"The policy has the revision {registry.policy[1]}.", 412)
        registry.policy = (given["Policy"], str(uuid.uuid4()))
        return self._get_policy(given)

    def _get_policy(self, given: Given) -> Any:
        registry = self._registry(given)
        if registry.policy is None:
            raise ApiError("NotFoundException", f"Registry {registry.name} has no policy.", 404)
        return {"Policy": registry.policy[0], "RevisionId": registry.policy[1]}

    def _delete_policy(self, given: Given) -> Any:
        self._get_policy(given)
        self._registry(given).policy = None
        return {}

    def _tags(self, request: Request) -> Any:
        arn = unquote(request.path.removeprefix("/tags/"))
        registries = self._registries.values()
        everything: list[_Registry | _Schema] = [*registries, *(s for r in registries for s in r.schemas.values())]
        found = next((each for each in everything if each.arn == arn), None)
        if found is None:
            raise ApiError("NotFoundException", f"Nothing has the ARN {arn}.", 404)
        if request.method == "GET":
            return {"tags": found.tags}
        if request.method == "POST":
            found.tags |= request.json()["tags"]
        for key in parse_qs(request.query).get("tagKeys", ()):
            found.tags.pop(key, None)
        return {}


def _told_registry(registry: _Registry) -> dict[str, Any]:
    return {
        "Description": registry.description,
        "RegistryArn": registry.arn,
        "RegistryName": registry.name,
        "tags": registry.tags,
    }


def _told_schema(schema: _Schema, version: str | None = None) -> dict[str, Any]:
    number = version or schema.newest
    _, kind, moment = schema.versions[number]
    return {
        "Description": schema.description,
        "LastModified": schema.versions[schema.newest][2],
        "SchemaArn": schema.arn,
        "SchemaName": schema.name,
        "SchemaVersion": number,
        "Type": kind,
        "VersionCreatedDate": moment,
        "tags": schema.tags,
    }


def _found_schema(registry: _Registry, schema: _Schema) -> dict[str, Any]:
    versions = [{"CreatedDate": each[2], "SchemaVersion": n, "Type": each[1]} for n, each in schema.versions.items()]
    return {
        "RegistryName": registry.name,
        "SchemaArn": schema.arn,
        "SchemaName": schema.name,
        "SchemaVersions": versions,
    }
