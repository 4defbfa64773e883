"""A Lambda function with its code, layer, role, logs, and metadata."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, cast

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encrypted_resources import log_group
from millrace.constructs.bus.encryption import READ_ACTIONS, WRITE_ACTIONS, grant_key
from millrace.constructs.function.code import function_code, source_paths
from millrace.constructs.function.layer import function_layer
from millrace.constructs.function.project import EventTypes, staged
from millrace.constructs.function.requirements import runtime
from millrace.constructs.function.settings import (
    AllowedCycle,
    Settings,
    check_settings,
    grant_settings,
    setting_variables,
)
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.stores.tables import Tables, grant_resources, resource_environment
from millrace.runtime import Declaration
from millrace.runtime.breaker import Breaker
from millrace.runtime.claims import ACCOUNT
from millrace.runtime.observe import NAMESPACE, NAMESPACE_VARIABLE
from millrace.runtime.quarantine import DEAD_LETTERS, MAX_HOPS, QUARANTINE
from millrace.runtime.records import SCOPE

Kind = Literal[
    "processor",
    "step",
    "starter",
    "query",
    "commands",
    "ingress",
    "relay",
    "projection",
    "changes",
    "answers",
    "stream-processor",
    "batch-view",
]
STARTER = "millrace.runtime.starter.handler"
TIMEOUT_SECONDS = 30
MEMORY_MB = 256
_LATEST = ("AwsSolutions-L1", "Serverless-LambdaLatestVersion")
"""Rules of cdk-nag that demand the latest runtime."""


class Function(Construct):
    """A function whose role may only write to its own log group at first.

    folder: Its folder below `functions/`; the contracts are packaged, too. None uses `handler`, from the layer.
    generated_files: Files that are created at synth, by their paths.
    metadata: What the flow checker and the CLI read from the template.
    """

    def __init__(  # noqa: PLR0913 - each argument is a separate setting
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        name: str,
        folder: str | None = None,
        handler: str = STARTER,
        generated_files: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any],
        environment: Mapping[str, str],
        settings: Settings,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id)
        check_settings(scope.node.path, settings)
        self.name = name
        self.breaker: Breaker | None = None
        self.log_group = log_group(
            self,
            "Logs",
            key,
            retention=settings.get("log_retention", logs.RetentionDays.ONE_MONTH),
            removal_policy=settings.get("log_removal_policy", RemovalPolicy.DESTROY),
        )
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(self.role)
        paths = source_paths(folder)
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=runtime(self),
            handler=f"functions.{folder}.handler.handler" if folder else handler,
            code=function_code(name if generated_files else folder or "starter", paths, generated_files or {}),
            role=self.role,
            log_group=self.log_group,
            environment=_environment(name, {**self._own_environment(), **environment}, settings),
            environment_encryption=key,
            **self._properties(folder, settings),
        )
        self._metadata = {"function": name, "sources": paths}
        self.add_metadata(**metadata)
        grant_key(key, self.role, "lambda", READ_ACTIONS)
        grant_settings(self.role, settings)
        self._acknowledge(key)

    def _own_environment(self) -> dict[str, str]:
        return {ACCOUNT: Stack.of(self).account, NAMESPACE_VARIABLE: staged(self, NAMESPACE, separator="/")}

    def _properties(self, folder: str | None, settings: Settings) -> dict[str, Any]:
        architecture = settings.get("architecture", lambda_.Architecture.ARM_64)
        tracing = settings.get("tracing", True)
        return {
            "architecture": architecture,
            "layers": [function_layer(self, folder, architecture)],
            "timeout": settings.get("timeout", Duration.seconds(TIMEOUT_SECONDS)),
            "memory_size": settings.get("memory_size", MEMORY_MB),
            "tracing": lambda_.Tracing.ACTIVE if tracing else lambda_.Tracing.DISABLED,
            "logging_format": lambda_.LoggingFormat.JSON,
        }

    @property
    def timeout(self) -> Duration:
        """The timeout of one invocation."""
        timeout: Duration = self.function.timeout
        return timeout

    @property
    def _resource(self) -> lambda_.CfnFunction:
        return cast("lambda_.CfnFunction", self.function.node.default_child)

    def reserve_concurrency(self, executions: int) -> None:
        """Reserve concurrency, which is also the limit of the function.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
        """
        self._resource.reserved_concurrent_executions = executions

    def allow_recursive_loop(self) -> None:
        """Let the function send messages to its own queue as often as it needs to.

        Otherwise Lambda stops a message after about 16 rounds and moves it to the dead-letter queue.
        https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        """
        self._resource.recursive_loop = "Allow"

    def enable_claim_check(self, bus: Bus, *, publishes: EventTypes = (), consumes: EventTypes = ()) -> None:
        """Allow the function to store and read the data of large events, if its bus has a claim check."""
        if bus.claim_check:
            bus.claim_check.grant(self.function, self.role, publishes=publishes, consumes=consumes)

    def enable_quarantine(self, bus: Bus, dead_letters: sqs.Queue, cycle: AllowedCycle | None) -> None:
        """Allow the function to send events to the dead-letter queues, and set its limit of hops."""
        max_hops = cycle.max_hops if cycle else bus.max_hops
        queues = {QUARANTINE: bus.dead_letters, DEAD_LETTERS: dead_letters}
        for variable, queue in queues.items():
            self.function.add_environment(variable, queue.queue_url)
        self.function.add_environment("MILLRACE_BUS", bus.name)
        self.function.add_environment(MAX_HOPS, str(max_hops))
        arns = [queue.queue_arn for queue in queues.values()]
        self.role.add_to_principal_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=arns))
        grant_key(bus.encryption_key, self.role, "sqs", WRITE_ACTIONS)
        self.add_metadata(max_hops=max_hops)

    def add_metadata(self, **metadata: Any) -> None:
        """Add metadata to the function's resource in the template."""
        self._metadata |= metadata
        self._resource.add_metadata("millrace", self._metadata)

    def _acknowledge(self, key: kms.IKey | None) -> None:
        acknowledge(self.role, "X-Ray does not support resource-level permissions.", "AwsSolutions-IAM5[Resource::*]")
        acknowledge(self.function, "It only calls AWS endpoints, so a VPC would not protect it.", "CKV_AWS_117")
        acknowledge(self.function, "It has the Python version that the tests run on.", *_LATEST)
        acknowledge(self.function, "CDK adds the dependency on the role and its policies.", "W3005")
        if key is None:
            reason = "Lambda encrypts it, and it holds no secrets; Bus(encryption_key=…) sets a customer managed key."
            acknowledge(self.function, reason, "CKV_AWS_173")


def declared_function(
    scope: Construct, kind: Kind, declaration: Declaration, bus: Bus, tables: Tables, settings: Settings
) -> Function:
    """Create the function of a handler, with permissions for the events and tables that it declares.

    Unless the handler is repeatable, it stores idempotency records under the path of its construct.
    """
    idempotent = not declaration.repeatable
    function = Function(
        scope,
        "Function",
        name=declaration.name,
        folder=declaration.name,
        metadata={
            **function_metadata(kind, scope, declaration.consumes, declaration.publishes),
            **({"allow_cycle": asdict(settings["allow_cycle"])} if "allow_cycle" in settings else {}),
            "once": _idempotency_metadata(declaration),
        },
        environment={
            "MILLRACE_BUS": bus.name,
            SCOPE: _idempotency_scope(scope),
            **(bus.idempotency.environment() if idempotent else {}),
            **(bus.callbacks.environment if declaration.callback else {}),
            **resource_environment(declaration, tables),
        },
        settings=settings,
        key=bus.encryption_key,
    )
    function.breaker = declaration.breaker
    bus.grant_publish(function.role, declaration.publishes)
    function.enable_claim_check(bus, publishes=declaration.publishes, consumes=declaration.consumes)
    grant_resources(function.role, declaration, tables)
    if idempotent:
        bus.idempotency.grant(function.role, _idempotency_scope(scope))
    if declaration.appends:
        function.add_metadata(appends=_names(declaration.appends))
    if declaration.callback:
        bus.callbacks.grant_create(function.role, _idempotency_scope(scope))
        function.add_metadata(awaits=declaration.callback.names)
    return function


def _idempotency_scope(scope: Construct) -> str:
    """Return the construct's path with dots: with slashes, 40 characters look like an AWS secret key to scanners."""
    return str(scope.node.path).replace("/", ".")


def function_metadata(kind: Kind, scope: Construct, consumes: EventTypes, publishes: EventTypes) -> dict[str, Any]:
    """Return the metadata that describes a function's events."""
    return {
        "kind": kind,
        "construct": scope.node.path,
        "declaration": {"consumes": _names(consumes), "publishes": _names(publishes)},
    }


def _idempotency_metadata(declaration: Declaration) -> dict[str, str]:
    if declaration.repeatable:
        return {"repeatable": declaration.repeatable}
    return {"per": declaration.once_per or "event_id"}


def snake_case(name: str) -> str:
    """Convert the id of a construct to the name of a function."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def pascal_case(name: str) -> str:
    """Convert the name of a function to the id of a construct."""
    return "".join(part.title() for part in name.split("_"))


def event_addresses(event_types: EventTypes) -> str:
    """Return the import addresses of event classes, separated by spaces."""
    return " ".join(f"{event.__module__}:{event.__qualname__}" for event in event_types)


def _names(event_types: EventTypes) -> list[str]:
    return [event.contract.name for event in event_types]


def _environment(name: str, environment: Mapping[str, str], settings: Settings) -> dict[str, str]:
    level = settings.get("log_level", "INFO")
    powertools = {"POWERTOOLS_SERVICE_NAME": name, "POWERTOOLS_LOG_LEVEL": level}
    return {**powertools, **environment, **setting_variables(settings)}
