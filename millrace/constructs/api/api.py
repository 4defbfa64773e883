"""An HTTP API: commands, queries over read models, ingress of external events, and callbacks."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack, cast

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_iam as iam
from constructs import Construct

from millrace.constructs.api.authorizers import Authorizer, IamAuthorizer
from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encrypted_resources import log_group
from millrace.constructs.function.function import Function, Kind, event_addresses, function_metadata, pascal_case
from millrace.constructs.function.handlers import declared_query
from millrace.constructs.function.project import EventTypes, record_source_location
from millrace.constructs.function.settings import Settings
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import READS, Tables, check_resources, grant_resources, resource_environment
from millrace.events import Event
from millrace.flow.openapi import Surface, openapi
from millrace.runtime.api.commands import COMMANDS, DOCUMENT, RESULT_PATHS
from millrace.runtime.api.ingress import AUTHORIZER, CALLERS, EVENTS
from millrace.runtime.api.query import QueryDeclaration
from millrace.runtime.records import SCOPE

_COMMANDS = "millrace.runtime.api.commands.handler"
_INGRESS = "millrace.runtime.api.ingress.handler"
_CALLBACKS = "millrace.runtime.api.callbacks.handler"
_LOGGED = ("requestId", "routeKey", "status", "protocol", "responseLength", "requestTime", "integrationErrorMessage")
Callers = Mapping[str, Sequence[str]]
"""Patterns of IAM ARNs or token subjects, by event source."""


class ApiDefinitionError(ValueError):
    """The commands, events, and callers of an API do not fit together."""


class Api(Construct):
    """An HTTP API. By default, callers need IAM permissions and sign requests with SigV4.

    commands: Events that request something. `POST /commands/<Name>` returns 202 and the URL of a query for the result.
    queries: Folders below `functions/` with a @query.
    events: Events from outside, declared with `external=True`; `POST /events` takes them as CloudEvents.
    callers: Who may publish the events of a source: patterns of IAM ARNs or token subjects.
    callbacks: Whether `POST /callbacks/{id}` completes steps on the bus that wait for a callback.
    rate_limit, burst_limit: The throttling of the stage; `rate_limit` is in requests per second.

    `GET /openapi.json` describes the API.
    """

    def __init__(  # noqa: PLR0913 - each argument is a separate setting
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        commands: Sequence[type[Event]] = (),
        queries: Sequence[str] = (),
        events: Sequence[type[Event]] = (),
        callers: Callers | None = None,
        authorizer: Authorizer | None = None,
        tables: Tables | None = None,
        callbacks: bool = True,
        rate_limit: int = 100,
        burst_limit: int = 200,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        path = f"Api {self.node.path}"
        self.queries = [declared_query(name) for name in queries]
        callback_events = bus.callbacks.connect_api(path) if callbacks else []
        _check(path, commands, [*events, *callback_events], callers or {})
        check_resources(path, cast("Any", self.queries), tables or {})
        self._bus, self._settings, self._authorizer = bus, settings, authorizer or IamAuthorizer()
        self._route_authorizer, self._scopes = self._authorizer.route_authorizer(self.node.id)
        self.api = apigateway.HttpApi(self, "Api", create_default_stage=False, description=self.node.path)
        self._add_stage(rate_limit, burst_limit)
        Alarms(self, bus.alarm_topic).api(self.api)
        self._add_commands(commands, events, callback_events)
        for query in self.queries:
            self._add_query(query, tables or {})
        if events:
            self._add_ingress(events, callers or {})
        if callback_events:
            self._add_callbacks(callback_events, callers or {})

    @property
    def endpoint(self) -> str:
        """The URL of the API."""
        endpoint: str = self.api.api_endpoint
        return endpoint

    def grant_invoke(self, role: iam.IGrantable, *paths: str) -> None:
        """Allow a role to call the API, or only some paths such as `/events`. Requires the IamAuthorizer."""
        arns = [self.api.arn_for_execute_api(path=path) for path in paths or ("/*",)]
        statement = iam.PolicyStatement(actions=["execute-api:Invoke"], resources=arns)
        role.grant_principal.add_to_principal_policy(statement)

    def _add_stage(self, rate_limit: int, burst_limit: int) -> None:
        group = log_group(self, "AccessLogs", self._bus.encryption_key)
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=rate_limit, burst_limit=burst_limit),
        )
        resource = cast("apigateway.CfnStage", stage.node.default_child)
        resource.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn,
            format=json.dumps({name: f"$context.{name}" for name in _LOGGED}),
        )

    def _add_commands(
        self, commands: Sequence[type[Event]], events: Sequence[type[Event]], callback_events: Sequence[type[Event]]
    ) -> None:
        document = openapi(
            Surface(
                self.node.id,
                tuple(commands),
                tuple(self.queries),
                tuple(events),
                tuple(callback_events),
                self._authorizer.security_scheme(),
            )
        )
        result_paths = {command: path for command in commands if (path := _result_path(command, self.queries))}
        worker = self._function(
            "commands",
            commands,
            handler=_COMMANDS,
            generated_files={DOCUMENT: json.dumps(document)},
            environment={
                COMMANDS: event_addresses(commands),
                RESULT_PATHS: " ".join(f"{command.__name__}={path}" for command, path in result_paths.items()),
                SCOPE: self.node.path,
                **(self._bus.idempotency.environment() if commands else {}),
            },
        )
        self._add_route("GET", f"/{DOCUMENT}", worker)
        if commands:
            self._bus.idempotency.grant(worker.role, self.node.path)
            self._add_route("POST", "/commands/{command}", worker, scoped=True)

    def _add_query(self, query: QueryDeclaration, tables: Tables) -> None:
        declaration = cast("Any", query)
        environment = resource_environment(declaration, tables)
        worker = self._function("query", [], folder=query.name, environment=environment)
        grant_resources(worker.role, declaration, tables, READS)
        self._add_route("GET", query.path, worker, scoped=True)

    def _add_ingress(self, events: Sequence[type[Event]], callers: Callers) -> None:
        environment = self._ingress_environment(events, callers)
        worker = self._function("ingress", events, handler=_INGRESS, environment=environment)
        self._add_route("POST", "/events", worker)

    def _add_callbacks(self, events: Sequence[type[Event]], callers: Callers) -> None:
        """Add the callback route; its function completes tasks and does not publish events."""
        environment = {**self._ingress_environment(events, callers), **self._bus.callbacks.environment}
        worker = self._function("answers", [], handler=_CALLBACKS, environment=environment)
        self._bus.callbacks.grant_complete(worker.role)
        self._add_route("POST", "/callbacks/{id}", worker)

    def _ingress_environment(self, events: Sequence[type[Event]], callers: Callers) -> dict[str, str]:
        patterns = Stack.of(self).to_json_string({source: list(patterns) for source, patterns in callers.items()})
        return {EVENTS: event_addresses(events), CALLERS: patterns, AUTHORIZER: self._authorizer.kind}

    def _function(
        self,
        kind: Kind,
        publishes: EventTypes,
        *,
        folder: str | None = None,
        environment: Mapping[str, str],
        **more: Any,
    ) -> Function:
        scope = Construct(self, pascal_case(folder or kind))
        worker = Function(
            scope,
            "Function",
            name=folder or f"{self.node.id.lower()}_{kind}",
            folder=folder,
            metadata=function_metadata(kind, scope, [], publishes),
            environment={"MILLRACE_BUS": self._bus.name, **environment},
            settings=self._settings,
            key=self._bus.encryption_key,
            **more,
        )
        self._bus.grant_publish(worker.role, publishes)
        worker.enable_claim_check(self._bus, publishes=publishes)
        Alarms(scope, self._bus.alarm_topic).function(worker.function)
        reason = "The API invokes it synchronously and returns errors to the caller."
        acknowledge(worker.function, reason, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(worker.function, "The throttling of its API limits it.", "CKV_AWS_115")
        return worker

    def _add_route(self, method: str, path: str, worker: Function, *, scoped: bool = False) -> None:
        name = path.strip("/").replace("/", "-").translate({ord(brace): None for brace in "{}."})
        for route in self.api.add_routes(
            path=path,
            methods=[apigateway.HttpMethod[method]],
            integration=integrations.HttpLambdaIntegration(name, worker.function),
            authorizer=self._route_authorizer,
            authorization_scopes=self._scopes if scoped and self._scopes else None,
        ):
            self._authorizer.acknowledge_findings(cast("CfnResource", route.node.default_child))


def _result_path(command: type[Event], queries: Iterable[QueryDeclaration]) -> str | None:
    """Return the path of the first query whose path parameters are fields of a command."""
    paths = (query.path for query in queries if query.in_path and set(query.in_path) <= command.model_fields.keys())
    return next(paths, None)


def _check(path: str, commands: EventTypes, events: EventTypes, callers: Callers) -> None:
    for event in [*commands, *events]:
        if not hasattr(event, "contract"):
            raise ApiDefinitionError(
                f"{path}: {event.__name__} has no source, so it cannot be published: "
                f'write class {event.__name__}(Event, source="…").'
            )
    for event in events:
        if not event.contract.external:
            raise ApiDefinitionError(
                f"{path} takes {event.__name__} from outside, but its contract does not allow that: write "
                f'class {event.__name__}(Event, source="{event.contract.source}", external=True), or remove it.'
            )
    for source in callers.keys() - {event.contract.source for event in events}:
        raise ApiDefinitionError(f"{path} has callers for {source}, but takes no events of that source: remove them.")
