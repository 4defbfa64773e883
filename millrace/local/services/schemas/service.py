"""The API of EventBridge schema registries, which moto does not have.

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
Params = dict[str, Any]


@dataclass
class _Schema:
    """A schema. Each version has its content, type and creation time."""

    name: str
    arn: str
    description: str
    tags: dict[str, str]
    versions: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def add_version(self, content: str, kind: str, created: str) -> None:
        """Add a version, unless it equals the newest one."""
        if not self.versions or self.versions[self.newest][:2] != (content, kind):
            self.versions[str(max(map(int, self.versions), default=0) + 1)] = (content, kind, created)

    @property
    def newest(self) -> str:
        """Return the number of the newest version."""
        return max(self.versions, key=int)


@dataclass
class _Registry:
    """A registry. Its policy has the document and the revision id."""

    name: str
    arn: str
    description: str
    tags: dict[str, str]
    schemas: dict[str, _Schema] = field(default_factory=dict)
    policy: tuple[Any, str] | None = None


class Schemas(Service):
    """Stores registries and answers the calls of their API. Methods run on any thread."""

    arn_name = "schemas"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.respond = self.answer
        self._arn = f"arn:aws:schemas:{region.name}:{region.account}"
        self._clock = region.clock
        self._registries: dict[str, _Registry] = {}
        self._lock = threading.Lock()
        self._answers: dict[str, Callable[[Params], Any]] = {
            "CreateRegistry": self._create_registry,
            "CreateSchema": self._create_schema,
            "DeleteRegistry": self._delete_registry,
            "DeleteResourcePolicy": self._delete_policy,
            "DeleteSchema": self._delete_schema,
            "DeleteSchemaVersion": self._delete_version,
            "DescribeRegistry": lambda params: _describe_registry(self._registry(params)),
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
        """Delete every registry."""
        self._registries.clear()

    def answer(self, request: Request) -> Response:
        """Answer a call of the API; the error for an unsupported operation names it."""
        try:
            with self._lock:
                if request.path.startswith("/tags/"):
                    return Response.of(self._tags(request))
                matched = self._router.match(request.method, request.path, request.query, request.headers)
                if matched is None or matched[0].operation not in self._answers:
                    return unimplemented(request)
                route, in_path = matched
                body = parsed(request.body) or {}
                in_body = {name[0].upper() + name[1:]: value for name, value in body.items()}
                return Response.of(self._answers[route.operation]({**in_body, **in_path}))
        except ApiError as error:
            content = {"Code": error.code, "Message": error.message}
            return Response.of(content, error.status, [("x-amzn-errortype", error.code)])

    def _registry(self, params: Params) -> _Registry:
        name = params["RegistryName"]
        if name not in self._registries:
            raise ApiError("NotFoundException", f"Registry with name {name} does not exist.", 404)
        return self._registries[name]

    def _schema(self, params: Params) -> _Schema:
        registry, name = self._registry(params), params["SchemaName"]
        if name not in registry.schemas:
            raise ApiError("NotFoundException", f"Schema with name {name} does not exist.", 404)
        return registry.schemas[name]

    def _create_registry(self, params: Params) -> Any:
        name = params["RegistryName"]
        if name in self._registries:
            raise ApiError("ConflictException", f"Registry with name {name} already exists.", 409)
        arn = f"{self._arn}:registry/{name}"
        registry = _Registry(name, arn, params.get("Description", ""), params.get("Tags") or {})
        self._registries[name] = registry
        return _describe_registry(registry)

    def _update_registry(self, params: Params) -> Any:
        registry = self._registry(params)
        registry.description = params.get("Description", registry.description)
        return _describe_registry(registry)

    def _delete_registry(self, params: Params) -> Any:
        registry = self._registry(params)
        if registry.schemas:
            raise ApiError("BadRequestException", f"Registry {registry.name} has schemas. Delete them first.")
        del self._registries[registry.name]
        return {}

    def _list_registries(self, params: Params) -> Any:
        prefix = params.get("RegistryNamePrefix", "")
        found = [each for name, each in sorted(self._registries.items()) if name.startswith(prefix)]
        keys = ("RegistryArn", "RegistryName", "tags")
        return {"Registries": [{key: _describe_registry(each)[key] for key in keys} for each in found]}

    def _create_schema(self, params: Params) -> Any:
        registry, name = self._registry(params), params["SchemaName"]
        if name in registry.schemas:
            raise ApiError("ConflictException", f"Schema with name {name} already exists.", 409)
        arn = f"{self._arn}:schema/{registry.name}/{name}"
        schema = _Schema(name, arn, params.get("Description", ""), params.get("Tags") or {})
        schema.add_version(*self._content(params))
        registry.schemas[name] = schema
        return _describe(schema)

    def _update_schema(self, params: Params) -> Any:
        schema = self._schema(params)
        schema.description = params.get("Description", schema.description)
        if "Content" in params:
            schema.add_version(*self._content({"Type": schema.versions[schema.newest][1], **params}))
        return _describe(schema)

    def _content(self, params: Params) -> tuple[str, str, str]:
        content, kind = params["Content"], params.get("Type")
        if kind not in _TYPES:
            raise ApiError("BadRequestException", f"Type {kind} is not one of {', '.join(_TYPES)}.")
        if not isinstance(parsed(content), dict):
            raise ApiError("BadRequestException", "Content must be a JSON object.")
        return content, kind, iso(self._clock.now())

    def _describe_schema(self, params: Params) -> Any:
        schema = self._schema(params)
        version = params.get("SchemaVersion") or schema.newest
        return {**_describe(schema, self._version(schema, version)), "Content": schema.versions[version][0]}

    def _version(self, schema: _Schema, version: str) -> str:
        if version not in schema.versions:
            raise ApiError("NotFoundException", f"Schema {schema.name} has no version {version}.", 404)
        return version

    def _delete_schema(self, params: Params) -> Any:
        del self._registry(params).schemas[self._schema(params).name]
        return {}

    def _delete_version(self, params: Params) -> Any:
        schema = self._schema(params)
        del schema.versions[self._version(schema, params["SchemaVersion"])]
        if not schema.versions:
            self._delete_schema(params)
        return {}

    def _list_schemas(self, params: Params) -> Any:
        prefix = params.get("SchemaNamePrefix", "")
        found = [each for name, each in sorted(self._registry(params).schemas.items()) if name.startswith(prefix)]
        keys = ("LastModified", "SchemaArn", "SchemaName", "tags")
        described = [({key: _describe(each)[key] for key in keys}, len(each.versions)) for each in found]
        return {"Schemas": [{**schema, "VersionCount": versions} for schema, versions in described]}

    def _list_versions(self, params: Params) -> Any:
        schema = self._schema(params)
        names = {"SchemaArn": schema.arn, "SchemaName": schema.name}
        versions = sorted(schema.versions.items(), key=lambda item: int(item[0]), reverse=True)
        return {"SchemaVersions": [{**names, "SchemaVersion": number, "Type": each[1]} for number, each in versions]}

    def _search(self, params: Params) -> Any:
        """Return the schemas whose name or content contains every keyword."""
        words = params["Keywords"].lower().split()
        registry = self._registry(params)
        texts = {name: f"{name} {s.versions[s.newest][0]}".lower() for name, s in registry.schemas.items()}
        found = [registry.schemas[name] for name, text in texts.items() if all(word in text for word in words)]
        return {"Schemas": [_search_result(registry, each) for each in found]}

    def _put_policy(self, params: Params) -> Any:
        registry = self._registry(params)
        if registry.policy and params.get("RevisionId") not in (None, registry.policy[1]):
            raise ApiError("PreconditionFailedException", f"The policy's revision is {registry.policy[1]}.", 412)
        registry.policy = (params["Policy"], str(uuid.uuid4()))
        return self._get_policy(params)

    def _get_policy(self, params: Params) -> Any:
        registry = self._registry(params)
        if registry.policy is None:
            raise ApiError("NotFoundException", f"Registry {registry.name} has no policy.", 404)
        return {"Policy": registry.policy[0], "RevisionId": registry.policy[1]}

    def _delete_policy(self, params: Params) -> Any:
        self._get_policy(params)
        self._registry(params).policy = None
        return {}

    def _tags(self, request: Request) -> Any:
        arn = unquote(request.path.removeprefix("/tags/"))
        registries = self._registries.values()
        tagged: list[_Registry | _Schema] = [*registries, *(s for r in registries for s in r.schemas.values())]
        found = next((each for each in tagged if each.arn == arn), None)
        if found is None:
            raise ApiError("NotFoundException", f"No registry or schema has the ARN {arn}.", 404)
        if request.method == "GET":
            return {"tags": found.tags}
        if request.method == "POST":
            found.tags |= request.json()["tags"]
        for key in parse_qs(request.query).get("tagKeys", ()):
            found.tags.pop(key, None)
        return {}


def _describe_registry(registry: _Registry) -> dict[str, Any]:
    return {
        "Description": registry.description,
        "RegistryArn": registry.arn,
        "RegistryName": registry.name,
        "tags": registry.tags,
    }


def _describe(schema: _Schema, version: str | None = None) -> dict[str, Any]:
    number = version or schema.newest
    _, kind, created = schema.versions[number]
    return {
        "Description": schema.description,
        "LastModified": schema.versions[schema.newest][2],
        "SchemaArn": schema.arn,
        "SchemaName": schema.name,
        "SchemaVersion": number,
        "Type": kind,
        "VersionCreatedDate": created,
        "tags": schema.tags,
    }


def _search_result(registry: _Registry, schema: _Schema) -> dict[str, Any]:
    versions = [{"CreatedDate": each[2], "SchemaVersion": n, "Type": each[1]} for n, each in schema.versions.items()]
    names = {"RegistryName": registry.name, "SchemaArn": schema.arn, "SchemaName": schema.name}
    return {**names, "SchemaVersions": versions}
