"""Checks of aliases that moto does not make, and their revisions.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
"""

import json
import re
import uuid
from typing import Any

from millrace.local.core.moto_patches import replace
from millrace.local.services.lambda_.errors import STALE_REVISION, api_error, invalid_member

_NAME = "(?!^[0-9]+$)([a-zA-Z0-9-_]+)"


def apply() -> None:
    """Change moto's aliases."""
    from moto.awslambda.models import LambdaAlias, LambdaBackend
    from moto.awslambda.responses import LambdaResponse

    create, update_by_moto = LambdaBackend.create_alias, LambdaBackend.update_alias
    described, update_request = LambdaAlias.to_json, LambdaResponse.update_alias

    def create_alias(
        backend: Any, name: str, function_name: str, function_version: str, description: str, routing_config: Any
    ) -> Any:
        from moto.awslambda.exceptions import ConflictException

        if not re.fullmatch(_NAME, name):
            raise invalid_member("name", name, f"Member must satisfy regular expression pattern: {_NAME}")
        _check_routing(backend, function_name, function_version, routing_config)
        try:
            return create(backend, name, function_name, function_version, description, routing_config)
        except ConflictException as error:
            raise api_error(str(error.message), "ResourceConflictException", 409) from error

    def update_alias(
        backend: Any, name: str, function_name: str, function_version: Any, description: Any, routing_config: Any
    ) -> Any:
        version = function_version or backend.get_alias(name, function_name).function_version
        _check_routing(backend, function_name, version, routing_config)
        alias = update_by_moto(backend, name, function_name, version, description, routing_config)
        alias.revision_id = str(uuid.uuid4())
        return alias

    def on_latest_revision(response: Any) -> Any:
        function, _, name = response.path.split("/")[-3:]
        given = json.loads(response.body).get("RevisionId")
        if given and response.backend.get_alias(name, function).revision_id != given:
            raise api_error(STALE_REVISION, "PreconditionFailedException", 412)
        return update_request(response)

    def to_json(alias: Any) -> dict[str, Any]:
        given: dict[str, Any] = described(alias)
        if not (given["RoutingConfig"] or {}).get("AdditionalVersionWeights"):
            del given["RoutingConfig"]
        return given

    replace(LambdaBackend, "create_alias", create_alias)
    replace(LambdaBackend, "update_alias", update_alias)
    replace(LambdaResponse, "update_alias", on_latest_revision)
    replace(LambdaAlias, "to_json", to_json)


def _check_routing(backend: Any, function_name: str, version: str, routing: Any) -> None:
    weights = (routing or {}).get("AdditionalVersionWeights") or {}
    if len(weights) > 1:
        raise api_error("Number of items in AdditionalVersionWeights cannot be greater than 1")
    for other in weights:
        _check_version(other, weights)
        if other == version:
            message = f"Invalid function version {other}. "
            raise api_error(f"{message}Function version {other} is already included in routing configuration.")
        if version == "$LATEST":
            raise api_error("$LATEST is not supported for an alias pointing to more than 1 version")
        backend.get_function(f"{function_name}:{other}")


def _check_version(version: str, weights: dict[str, float]) -> None:
    if not re.fullmatch("[0-9]+", version):
        found = f"{{{', '.join(f'{name}={float(weight)}' for name, weight in weights.items())}}}"
        lengths = "less than or equal to 1024, Member must have length greater than or equal to 1"
        pattern = "Member must satisfy regular expression pattern: [0-9]+"
        rule = f"[Member must have length {lengths}, {pattern}, Member must not be null]"
        place = "routingConfig.additionalVersionWeights"
        raise invalid_member(place, found, f"Map keys must satisfy constraint: {rule}")
