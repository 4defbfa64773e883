"""The one home of a Lambda function: its code, its layer, its role, its logs."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, TypedDict, cast

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from millrace.constructs.acknowledged import acknowledge
from millrace.constructs.bus import Bus
from millrace.constructs.code import code_of, sources
from millrace.constructs.cycles import AllowedCycle
from millrace.constructs.declared import EventTypes
from millrace.constructs.encryption import READ, grant_key
from millrace.constructs.layer import RUNTIME, shared_layer
from millrace.constructs.logs import log_group
from millrace.constructs.stores import Tables, grant_tables, table_environment
from millrace.runtime import Declaration
from millrace.runtime.breaker import Breaker
from millrace.runtime.claims import ACCOUNT
from millrace.runtime.idempotency import SCOPE

Kind = Literal["processor", "step", "starter", "query", "commands", "door", "relay", "projection", "changes", "answers"]
STARTER = "millrace.runtime.starter.handler"
TIMEOUT_SECONDS = 30
MEMORY_MB = 256


class Settings(TypedDict, total=False):
    """What may be set for every function of a construct; what is left out has a default.

    timeout 30 s, memory 256 MB, INFO, a month of logs that go with the stack, X-Ray on, arm64, no cycle.
    """

    timeout: Duration
    memory_mb: int
    environment: Mapping[str, str]
    log_level: str
    log_retention: logs.RetentionDays
    log_removal: RemovalPolicy
    tracing: bool
    architecture: lambda_.Architecture
    allow_cycle: AllowedCycle


class Function(Construct):
    """A function with its own role, which may write its own log group and nothing else yet.

    `own` is its folder below `functions/`; the contracts come along. Without one it `runs` a handler of the kit's
    own. `brings` are files beside its code. `facts` go into the template, for those who read the graph from there.
    """

    def __init__(  # noqa: PLR0913 - a function is no fewer
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        name: str,
        own: str | None,
        runs: str = STARTER,
        brings: Mapping[str, str] | None = None,
        facts: Mapping[str, Any],
        environment: Mapping[str, str],
        settings: Settings,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id)
        self.name = name
        self.breaker: Breaker | None = None
        self.log_group = self._logs(settings, key)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(self.role)
        places = sources(own)
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=RUNTIME,
            handler=f"functions.{own}.handler.handler" if own else runs,
            code=code_of(name if brings else own or "starter", places, brings or {}),
            role=self.role,
            log_group=self.log_group,
            environment=_environment(name, {ACCOUNT: Stack.of(self).account, **environment}, settings),
            environment_encryption=key,
            **self._sized(settings),
        )
        self._facts = {"function": name, "sources": places, **facts}
        self.note()
        grant_key(key, self.role, "lambda", READ)
        self._acknowledge(key)

    @property
    def timeout(self) -> Duration:
        """How long one call may take."""
        timeout: Duration = self.function.timeout
        return timeout

    def _logs(self, settings: Settings, key: kms.IKey | None) -> logs.LogGroup:
        return log_group(
            self,
            "Logs",
            key,
            retention=settings.get("log_retention", logs.RetentionDays.ONE_MONTH),
            removal_policy=settings.get("log_removal", RemovalPolicy.DESTROY),
        )

    def _sized(self, settings: Settings) -> dict[str, Any]:
        architecture = settings.get("architecture", lambda_.Architecture.ARM_64)
        tracing = settings.get("tracing", True)
        return {
            "architecture": architecture,
            "layers": [shared_layer(self, architecture)],
            "timeout": settings.get("timeout", Duration.seconds(TIMEOUT_SECONDS)),
            "memory_size": settings.get("memory_mb", MEMORY_MB),
            "tracing": lambda_.Tracing.ACTIVE if tracing else lambda_.Tracing.DISABLED,
            "logging_format": lambda_.LoggingFormat.JSON,
        }

    def reserve(self, concurrency: int) -> None:
        """Let it never run more often than so at once; nobody else is given what it has reserved.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
        """
        self._resource.reserved_concurrent_executions = concurrency

    @property
    def _resource(self) -> lambda_.CfnFunction:
        return cast("lambda_.CfnFunction", self.function.node.default_child)

    def use_claims(self, bus: Bus, *, publishes: EventTypes = (), consumes: EventTypes = ()) -> None:
        """Let it keep and fetch the data of large events, if its bus has a claim check."""
        if bus.claims:
            bus.claims.let_use(self.function, self.role, publishes=publishes, consumes=consumes)

    def note(self, **facts: Any) -> None:
        """Add facts to the metadata in the template."""
        self._facts |= facts
        self._resource.add_metadata("millrace", self._facts)

    def _acknowledge(self, key: kms.IKey | None) -> None:
        acknowledge(self.role, "X-Ray knows no resources.", "AwsSolutions-IAM5[Resource::*]")
        acknowledge(self.function, "It calls AWS's own endpoints: a VPC would hold nothing back.", "CKV_AWS_117")
        acknowledge(self.function, "CDK waits for the role, and for its policies.", "W3005")
        if key is None:
            told = "Lambda encrypts it, and no secret stands there; Bus(encryption_key=…) sets a key of one's own."
            acknowledge(self.function, told, "CKV_AWS_173")


def declared_function(
    scope: Construct, kind: Kind, declaration: Declaration, bus: Bus, tables: Tables, settings: Settings
) -> Function:
    """The function of a declared handler, which may publish what it declares and open the tables that it takes.

    It keeps records of the events that it handled, under the path of its construct, unless it is repeatable.
    """
    keeps = not declaration.repeatable
    function = Function(
        scope,
        "Function",
        name=declaration.name,
        own=declaration.name,
        facts={
            **facts(kind, scope, declaration.consumes, declaration.publishes),
            **_allowed(settings),
            "once": once_facts(declaration),
        },
        environment={
            "MILLRACE_BUS": bus.name,
            SCOPE: _scope(scope),
            **(bus.idempotency.environment() if keeps else {}),
            **(bus.callbacks.environment if declaration.callback else {}),
            **table_environment(declaration, tables),
        },
        settings=settings,
        key=bus.encryption_key,
    )
    function.breaker = declaration.breaker
    bus.grant_publish(function.role, declaration.publishes)
    function.use_claims(bus, publishes=declaration.publishes, consumes=declaration.consumes)
    grant_tables(function.role, declaration, tables)
    if keeps:
        bus.idempotency.grant(function.role, _scope(scope))
    if declaration.appends:
        function.note(appends=_names(declaration.appends))
    if declaration.callback:
        bus.callbacks.let_ask(function.role, _scope(scope))
        function.note(awaits=declaration.callback.names)
    return function


def _scope(scope: Construct) -> str:
    """The construct's path; with slashes, one of 40 characters would look like a secret key of AWS."""
    return str(scope.node.path).replace("/", ".")


def facts(kind: Kind, scope: Construct, consumes: EventTypes, publishes: EventTypes) -> dict[str, Any]:
    """What a function's metadata says of its place in the graph."""
    return {
        "kind": kind,
        "construct": scope.node.path,
        "declaration": {"consumes": _names(consumes), "publishes": _names(publishes)},
    }


def _allowed(settings: Settings) -> dict[str, Any]:
    return {"allow_cycle": asdict(settings["allow_cycle"])} if "allow_cycle" in settings else {}


def once_facts(declaration: Declaration) -> dict[str, str]:
    """By what a function handles an event once, or why it may handle it twice."""
    if declaration.repeatable:
        return {"repeatable": declaration.repeatable}
    return {"per": declaration.once_per or "event_id"}


def snake(name: str) -> str:
    """The name of a construct as the name of a function of the kit's own."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _names(events: EventTypes) -> list[str]:
    return [event.contract.name for event in events]


def _environment(name: str, environment: Mapping[str, str], settings: Settings) -> dict[str, str]:
    level = settings.get("log_level", "INFO")
    own = {"POWERTOOLS_SERVICE_NAME": name, "POWERTOOLS_LOG_LEVEL": level}
    return {**own, **environment, **settings.get("environment", {})}
