"""Operations on versions and aliases of state machines.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliases-versions.html
"""

from collections.abc import Callable
from typing import Any

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.catalog import MAX_ALIASES, Alias, Catalog, StateMachine, split
from millrace.local.services.stepfunctions.requests import Params, Result, check_arn, page

_WHOLE = 100
_SAME_NAME = (
    "Failed to create alias because an alias with the same name and a different routing configuration already exists."
)
_REFERENCED = (
    "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version:"
)


class VersionOperations:
    """`answers` are the operations by name."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.answers: dict[str, Callable[[Params], Result]] = {
            "PublishStateMachineVersion": self._publish,
            "ListStateMachineVersions": self._list_versions,
            "DeleteStateMachineVersion": self._delete_version,
            "CreateStateMachineAlias": self._create_alias,
            "UpdateStateMachineAlias": self._update_alias,
            "DescribeStateMachineAlias": self._describe_alias,
            "ListStateMachineAliases": self._list_aliases,
            "DeleteStateMachineAlias": self._delete_alias,
        }

    def _machine(self, params: Params) -> StateMachine:
        check_arn(params["stateMachineArn"], "stateMachine")
        return self._catalog.machine(params["stateMachineArn"])

    def _publish(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_PublishStateMachineVersion.html."""
        machine = self._machine(params)
        version = machine.publish(self._catalog.now(), params.get("description"), params.get("revisionId"))
        return {"stateMachineVersionArn": version.arn, "creationDate": version.created_at}

    def _list_versions(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachineVersions.html."""
        newest_first = sorted(self._machine(params).versions.values(), key=lambda version: -version.number)
        found, token = page(newest_first, params, lambda version: version.arn)
        listed = [{"stateMachineVersionArn": each.arn, "creationDate": each.created_at} for each in found]
        return {"stateMachineVersions": listed, **token}

    def _delete_version(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachineVersion.html."""
        arn = params["stateMachineVersionArn"]
        check_arn(arn, "stateMachine")
        machine = self._catalog.machines.get(split(arn)[0])
        version = machine.version(arn) if machine else None
        if machine is None or version is None:
            return {}
        using = [
            alias.name
            for alias in machine.aliases.values()
            if any(route["stateMachineVersionArn"] == arn for route in alias.routes)
        ]
        if using:
            raise ApiError("ConflictException", f"{_REFERENCED} [{', '.join(using)}]")
        del machine.versions[version.number]
        return {}

    def _create_alias(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachineAlias.html."""
        name, routes, now = params["name"], params["routingConfiguration"], self._catalog.now()
        machine = self._routed_machine(routes)
        alias = Alias(f"{machine.arn}:{name}", name, routes, now, now, params.get("description"))
        existing = machine.aliases.get(name)
        if existing and (existing.routes, existing.description) != (routes, alias.description):
            raise ApiError("ConflictException", _SAME_NAME)
        if existing is None and len(machine.aliases) >= MAX_ALIASES:
            raise ApiError("ServiceQuotaExceededException", f"A state machine has at most {MAX_ALIASES} aliases.")
        alias = machine.aliases.setdefault(name, alias)
        return {"stateMachineAliasArn": alias.arn, "creationDate": alias.created_at}

    def _update_alias(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachineAlias.html."""
        machine, alias = self._alias(params)
        routes, description = params.get("routingConfiguration"), params.get("description")
        if routes is None and description is None:
            reason = "Either the description or the RoutingConfiguration must be specified"
            raise ApiError("ValidationException", reason)
        if routes is not None and self._routed_machine(routes) is not machine:
            raise ApiError("ValidationException", _not_versions(routes))
        alias.routes, alias.description = routes or alias.routes, description or alias.description
        alias.updated_at = self._catalog.now()
        return {"updateDate": alias.updated_at}

    def _describe_alias(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineAlias.html."""
        _, alias = self._alias(params)
        described = {
            "stateMachineAliasArn": alias.arn,
            "name": alias.name,
            "routingConfiguration": alias.routes,
            "creationDate": alias.created_at,
            "updateDate": alias.updated_at,
        }
        return described | ({"description": alias.description} if alias.description else {})

    def _list_aliases(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachineAliases.html."""
        unqualified, qualifier = split(params["stateMachineArn"])
        machine = self._machine({"stateMachineArn": unqualified})
        aliases = [
            alias
            for alias in machine.aliases.values()
            if not qualifier or any(route["stateMachineVersionArn"].endswith(f":{qualifier}") for route in alias.routes)
        ]
        found, token = page(aliases, params, lambda alias: alias.arn)
        listed = [{"stateMachineAliasArn": each.arn, "creationDate": each.created_at} for each in found]
        return {"stateMachineAliases": listed, **token}

    def _delete_alias(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachineAlias.html."""
        machine, alias = self._alias(params)
        del machine.aliases[alias.name]
        return {}

    def _alias(self, params: Params) -> tuple[StateMachine, Alias]:
        check_arn(params["stateMachineAliasArn"], "stateMachine")
        return self._catalog.alias(params["stateMachineAliasArn"])

    def _routed_machine(self, routes: list[dict[str, Any]]) -> StateMachine:
        """Return the state machine of all versions of a routing configuration. Raises ApiError."""
        arns = [route["stateMachineVersionArn"] for route in routes]
        weights = [route["weight"] for route in routes]
        if len(set(arns)) < len(arns):
            reason = "Routing configuration must contain distinct state machine version ARNs."
            raise ApiError("ValidationException", f"{reason} Received: [{', '.join(arns)}]")
        if sum(weights) != _WHOLE:
            reason = f"Sum of routing configuration weights must equal 100. Received: {weights}"
            raise ApiError("ValidationException", reason)
        machines = [self._catalog.machines.get(split(arn)[0]) for arn in arns]
        first = machines[0]
        if first is None or any(each is not first for each in machines) or not all(map(first.version, arns)):
            raise ApiError("ValidationException", _not_versions(routes))
        return first


def _not_versions(routes: list[dict[str, Any]]) -> str:
    arns = ", ".join(route["stateMachineVersionArn"] for route in routes)
    return f"Routing configuration must contain state machine version ARNs. Received: [{arns}]"
