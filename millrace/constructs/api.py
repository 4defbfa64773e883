"""An HTTP API: commands, queries over read models, and the doors for events and for answers from outside."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack, cast

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_iam as iam
from constructs import Construct

from millrace.constructs.acknowledged import acknowledge
from millrace.constructs.alarms import Alarms
from millrace.constructs.authorizers import Authorizer, IamAuthorizer
from millrace.constructs.bus import Bus
from millrace.constructs.declared import EventTypes, declared_query
from millrace.constructs.function import Function, Kind, Settings, facts
from millrace.constructs.logs import log_group
from millrace.constructs.places import note_place
from millrace.constructs.stores import READS, Tables, check_tables, grant_tables, table_environment
from millrace.events import Event
from millrace.flow.openapi import Surface, openapi
from millrace.runtime.api.commands import ASKS, COMMANDS, DOCUMENT
from millrace.runtime.api.door import AUTHORIZER, CALLERS, EVENTS
from millrace.runtime.api.query import QueryDeclaration
from millrace.runtime.idempotency import SCOPE

_COMMANDS = "millrace.runtime.api.commands.handler"
_DOOR = "millrace.runtime.api.door.handler"
_ANSWERS = "millrace.runtime.api.answers.handler"
_LOGGED = ("requestId", "routeKey", "status", "protocol", "responseLength", "requestTime", "integrationErrorMessage")
Callers = Mapping[str, Sequence[str]]


class UnsoundApi(ValueError):
    """What an API is to offer does not fit; the text says what to do."""


class Api(Construct):
    """An HTTP API, closed to all but those whom its `authorizer` knows: signers, by IAM, unless it says otherwise.

    `commands` are events that ask for something: `POST /commands/<Name>`, 202 and where to ask. `queries` are folders
    below `functions/` with a @query. `events`, each declared `external=True`, come in at `POST /events` as CloudEvents;
    `callers` says who may say a source's events, by patterns of ARNs or of tokens' subjects. What steps on the bus
    wait for is answered at `POST /callbacks/{id}`, unless `callbacks` is False. `GET /openapi.json` tells of all this.
    `rate_limit` is in requests a second.
    """

    def __init__(  # noqa: PLR0913 - what an API offers is no fewer
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
        note_place(self)
        place = f"Api {self.node.path}"
        self.queries = [declared_query(name) for name in queries]
        answers = bus.callbacks.answers_at(place) if callbacks else []
        _check(place, commands, [*events, *answers], callers or {})
        check_tables(place, cast("Any", self.queries), tables or {})
        self._bus, self._settings, self._authorizer = bus, settings, authorizer or IamAuthorizer()
        self._known = self._authorizer.of_routes(self.node.id)
        self.api = apigateway.HttpApi(self, "Api", create_default_stage=False, description=self.node.path)
        self._stage(rate_limit, burst_limit)
        self._add_commands(commands, events, answers)
        for query in self.queries:
            self._add_query(query, tables or {})
        if events:
            self._add_door(events, callers or {})
        if answers:
            self._add_answers(answers, callers or {})

    @property
    def endpoint(self) -> str:
        """The URL of the API."""
        endpoint: str = self.api.api_endpoint
        return endpoint

    def grant_invoke(self, role: iam.IGrantable, *paths: str) -> None:
        """Let a role call the API, or just some paths of it, as `/events`. Only for an API that asks IAM."""
        arns = [self.api.arn_for_execute_api(path=path) for path in paths or ("/*",)]
        statement = iam.PolicyStatement(actions=["execute-api:Invoke"], resources=arns)
        role.grant_principal.add_to_principal_policy(statement)

    def _stage(self, rate_limit: int, burst_limit: int) -> None:
        group = log_group(self, "AccessLogs", self._bus.encryption_key)
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=rate_limit, burst_limit=burst_limit),
        )
        told = json.dumps({name: f"$context.{name}" for name in _LOGGED})
        cast(
            "apigateway.CfnStage", stage.node.default_child
        ).access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn, format=told
        )

    def _add_commands(
        self, commands: Sequence[type[Event]], events: Sequence[type[Event]], answers: Sequence[type[Event]]
    ) -> None:
        security = self._authorizer.security()
        surface = Surface(self.node.id, tuple(commands), tuple(self.queries), tuple(events), tuple(answers), security)
        asks = {command: where for command in commands if (where := _where(command, self.queries))}
        worker = self._function(
            "commands",
            commands,
            runs=_COMMANDS,
            brings={DOCUMENT: json.dumps(openapi(surface))},
            environment={
                COMMANDS: _addresses(commands),
                ASKS: " ".join(f"{command.__name__}={where}" for command, where in asks.items()),
                SCOPE: self.node.path,
                **(self._bus.idempotency.environment() if commands else {}),
            },
        )
        self._route("GET", f"/{DOCUMENT}", worker)
        if commands:
            self._bus.idempotency.grant(worker.role, self.node.path)
            self._route("POST", "/commands/{command}", worker, scoped=True)

    def _add_query(self, query: QueryDeclaration, tables: Tables) -> None:
        declaration = cast("Any", query)
        environment = table_environment(declaration, tables)
        worker = self._function("query", [], own=query.name, environment=environment)
        grant_tables(worker.role, declaration, tables, READS)
        self._route("GET", query.path, worker, scoped=True)

    def _add_door(self, events: Sequence[type[Event]], callers: Callers) -> None:
        worker = self._function("door", events, runs=_DOOR, environment=self._outside(events, callers))
        self._route("POST", "/events", worker)

    def _add_answers(self, answers: Sequence[type[Event]], callers: Callers) -> None:
        """The door for what steps wait for: it publishes nothing itself, and ends their tasks."""
        environment = {**self._outside(answers, callers), **self._bus.callbacks.environment}
        worker = self._function("answers", [], runs=_ANSWERS, environment=environment)
        self._bus.callbacks.let_answer(worker.role)
        self._route("POST", "/callbacks/{id}", worker)

    def _outside(self, events: Sequence[type[Event]], callers: Callers) -> dict[str, str]:
        """What a door is told of the events that it lets in, and of who may say them."""
        told = Stack.of(self).to_json_string({source: list(patterns) for source, patterns in callers.items()})
        return {EVENTS: _addresses(events), CALLERS: told, AUTHORIZER: self._authorizer.known}

    def _function(
        self, kind: Kind, publishes: EventTypes, *, own: str | None = None, environment: Mapping[str, str], **more: Any
    ) -> Function:
        name = own or kind
        place = Construct(self, "".join(part.title() for part in name.split("_")))
        worker = Function(
            place,
            "Function",
            name=own or f"{self.node.id.lower()}_{kind}",
            own=own,
            facts=facts(kind, place, [], publishes),
            environment={"MILLRACE_BUS": self._bus.name, **environment},
            settings=self._settings,
            key=self._bus.encryption_key,
            **more,
        )
        self._bus.grant_publish(worker.role, publishes)
        worker.use_claims(self._bus, publishes=publishes)
        Alarms(place, self._bus.alarm_topic).function(worker.function)
        told = "The API invokes it and waits: the caller hears of what fails."
        acknowledge(worker.function, told, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(worker.function, "The throttle of its API bounds how often it is called.", "CKV_AWS_115")
        return worker

    def _route(self, method: str, path: str, worker: Function, *, scoped: bool = False) -> None:
        authorizer, scopes = self._known
        name = path.strip("/").replace("/", "-").translate({ord(brace): None for brace in "{}."})
        for route in self.api.add_routes(
            path=path,
            methods=[apigateway.HttpMethod[method]],
            integration=integrations.HttpLambdaIntegration(name, worker.function),
            authorizer=authorizer,
            authorization_scopes=scopes if scoped and scopes else None,
        ):
            self._authorizer.acknowledge_at(cast("CfnResource", route.node.default_child))


def _addresses(events: EventTypes) -> str:
    return " ".join(f"{event.__module__}:{event.__qualname__}" for event in events)


def _where(command: type[Event], queries: Iterable[QueryDeclaration]) -> str | None:
    """Where to ask what came of a command: the first query whose path its fields can fill."""
    paths = (query.path for query in queries if query.in_path and set(query.in_path) <= command.model_fields.keys())
    return next(paths, None)


def _check(place: str, commands: EventTypes, events: EventTypes, callers: Callers) -> None:
    for event in [*commands, *events]:
        if not hasattr(event, "contract"):
            raise UnsoundApi(f"{place}: {event.__name__} has no source, and so no place on a bus: give it one.")
    outside = {event.contract.source for event in events}
    for event in events:
        if not event.contract.external:
            raise UnsoundApi(
                f"{place} takes {event.__name__} in from outside, and its contract does not say so: write "
                f'class {event.__name__}(Event, source="{event.contract.source}", external=True), or take it out.'
            )
    for source in callers.keys() - outside:
        raise UnsoundApi(f"{place} names callers of {source}, of which it takes no event: take it out.")
