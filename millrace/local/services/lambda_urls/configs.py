"""The configurations of function URLs: one for a function, and one for each of its aliases.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html
"""

import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from millrace.local.core.errors import ApiError

_ATTRIBUTE = "millrace_urls"
"""Moto's function has its configurations, so that they are deleted with it."""
_MODES, _TYPES = ("BUFFERED", "RESPONSE_STREAM"), ("AWS_IAM", "NONE")
_MAX_AGE_SECONDS = 86_400
_CORS = ("AllowCredentials", "AllowHeaders", "AllowMethods", "AllowOrigins", "ExposeHeaders", "MaxAge")


@dataclass(frozen=True)
class UrlConfig:
    """A function URL. `qualifier` is an alias, or empty. `cors` has AWS's names."""

    function: str
    qualifier: str
    region: str
    auth_type: str
    cors: Mapping[str, Any]
    created: str
    modified: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def url(self) -> str:
        """Return the URL on this machine, in the form that needs no name resolution."""
        return f"http://127.0.0.1:{os.environ['MOTO_PORT']}/_aws/lambda-url/{self.id}/"

    @property
    def arn(self) -> str:
        """Return the ARN of the function or of its alias."""
        return f"{self.function}:{self.qualifier}" if self.qualifier else self.function

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as Lambda's API does."""
        return {
            "FunctionUrl": self.url,
            "FunctionArn": self.arn,
            "AuthType": self.auth_type,
            **({"Cors": dict(self.cors)} if self.cors else {}),
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "InvokeMode": "BUFFERED",
        }


class UrlConfigs:
    """The function URLs of an account and region, stored with moto's functions."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __iter__(self) -> Iterator[UrlConfig]:
        """Iterate over every function URL."""
        for function in self._backend._lambdas.latest():  # noqa: SLF001 - moto's
            yield from list(_of(function).values())

    def create(self, name: str, qualifier: str, given: Mapping[str, Any], now: float) -> UrlConfig:
        """Create the URL of a function or alias. Raises ApiError."""
        function, qualifier = self._target(name, qualifier)
        if qualifier in _of(function):
            arn = f"{function.function_arn}:{qualifier}" if qualifier else function.function_arn
            message = f"Failed to create function url config for [functionArn = {arn}]. "
            raise ApiError("ResourceConflictException", f"{message}Error message:  FunctionUrlConfig exists", 409)
        _check(given, auth_type=given.get("AuthType"))
        time, region = _text(now), function.region
        cors = given.get("Cors") or {}
        made = UrlConfig(function.function_arn, qualifier, region, given["AuthType"], cors, time, time)
        _of(function)[qualifier] = made
        return made

    def get(self, name: str, qualifier: str) -> UrlConfig:
        """Return the URL of a function or alias. Raises ApiError."""
        function, qualifier = self._target(name, qualifier)
        found = _of(function).get(qualifier)
        if found is None:
            raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        return found

    def update(self, name: str, qualifier: str, given: Mapping[str, Any], now: float) -> UrlConfig:
        """Change the URL of a function or alias. Raises ApiError."""
        found = self.get(name, qualifier)
        _check(given, auth_type=given.get("AuthType") or found.auth_type)
        changed = replace(
            found,
            auth_type=given.get("AuthType") or found.auth_type,
            cors=found.cors if given.get("Cors") is None else given["Cors"],
            modified=_text(now),
        )
        function, qualifier = self._target(name, qualifier)
        _of(function)[qualifier] = changed
        return changed

    def delete(self, name: str, qualifier: str) -> None:
        """Delete the URL of a function or alias. Raises ApiError."""
        self.get(name, qualifier)
        function, qualifier = self._target(name, qualifier)
        _of(function).pop(qualifier)

    def of_function(self, name: str) -> list[UrlConfig]:
        """Return the URLs of a function and of its aliases. Raises ApiError."""
        return list(_of(self._target(name, "")[0]).values())

    def _target(self, name: str, qualifier: str) -> tuple[Any, str]:
        """Return moto's function and the alias. Raises ApiError."""
        from moto.awslambda.exceptions import UnknownAliasException, UnknownFunctionException

        plain, _, own = name.rpartition("function:")[2].partition(":")
        qualifier = qualifier or own
        try:
            function = self._backend.get_function(plain)
            if qualifier:
                self._backend.get_alias(qualifier, plain)
        except (UnknownAliasException, UnknownFunctionException) as error:
            raise ApiError("ResourceNotFoundException", str(error.message), 404) from error
        return function, qualifier


def _of(function: Any) -> dict[str, UrlConfig]:
    found: dict[str, UrlConfig] = function.__dict__.setdefault(_ATTRIBUTE, {})
    return found


def _text(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _check(given: Mapping[str, Any], auth_type: Any) -> None:
    """Raise ApiError for invalid settings, NotImplementedError for a response stream."""
    cors = given.get("Cors") or {}
    _check_enum("authType", auth_type, _TYPES)
    _check_enum("invokeMode", given.get("InvokeMode") or _MODES[0], _MODES)
    unknown = [name for name in cors if name not in _CORS]
    if unknown or not 0 <= int(cors.get("MaxAge") or 0) <= _MAX_AGE_SECONDS:
        raise ApiError("ValidationException", f"The value of cors is not valid: {dict(cors)}")
    if given.get("InvokeMode") == "RESPONSE_STREAM":
        raise NotImplementedError("The local cloud serves function URLs with the InvokeMode BUFFERED only.")


def _check_enum(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        text = f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
        raise ApiError("ValidationException", f"{text}Member must satisfy enum value set: [{', '.join(allowed)}]")
