"""moto's own stores, for one account and region: what the AWS APIs have created."""

from collections.abc import Callable
from functools import cached_property
from typing import Any


class Backends:
    """The backends that the plane reads and writes in process, without HTTP."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region

    def _backend(self, service: str) -> Any:
        from moto.backends import get_backend  # noqa: PLC0415 - moto is imported after its settings are made

        return get_backend(service)[self.account][self.region]  # type: ignore[call-overload,index,unused-ignore]

    def _global(self, service: str) -> Any:
        from moto.backends import get_backend  # noqa: PLC0415 - the same

        return get_backend(service)[self.account]["aws"]  # type: ignore[call-overload,index,unused-ignore]

    @cached_property
    def dynamodb(self) -> Any:
        """Tables."""
        return self._backend("dynamodb")

    @cached_property
    def events(self) -> Any:
        """Buses, rules, archives."""
        return self._backend("events")

    @cached_property
    def iam(self) -> Any:
        """Roles and managed policies."""
        return self._global("iam")

    @cached_property
    def kms(self) -> Any:
        """Keys."""
        return self._backend("kms")

    @cached_property
    def lambda_(self) -> Any:
        """Functions, layers, event source mappings."""
        return self._backend("lambda")

    @cached_property
    def logs(self) -> Any:
        """Log groups and streams."""
        return self._backend("logs")

    @cached_property
    def s3(self) -> Any:
        """Buckets."""
        return self._global("s3")

    @cached_property
    def apigatewayv2(self) -> Any:
        """HTTP APIs."""
        return self._backend("apigatewayv2")

    @cached_property
    def scheduler(self) -> Any:
        """Schedules and their groups."""
        return self._backend("scheduler")

    @cached_property
    def secretsmanager(self) -> Any:
        """Secrets."""
        return self._backend("secretsmanager")

    @cached_property
    def sqs(self) -> Any:
        """Queues and their messages."""
        return self._backend("sqs")

    @cached_property
    def sns(self) -> Any:
        """Topics."""
        return self._backend("sns")

    @cached_property
    def kinesis(self) -> Any:
        """Streams."""
        return self._backend("kinesis")

    @cached_property
    def stepfunctions(self) -> Any:
        """State machines. Asked by name, moto gives the store of its interpreter, which its API does not use here."""
        from moto.stepfunctions.models import stepfunctions_backends  # noqa: PLC0415 - the same

        return stepfunctions_backends[self.account][self.region]

    def reset(self) -> None:
        """Look the backends up afresh."""
        for name in [name for name in self.__dict__ if name not in ("account", "region")]:
            del self.__dict__[name]

    def queue(self, arn: str) -> Any:
        """The queue of an ARN. Raises LookupError."""
        name = arn.rpartition(":")[2]
        if name not in self.sqs.queues or self.sqs.queues[name].queue_arn != arn:
            raise LookupError(f"The queue {arn} does not exist.")
        return self.sqs.queues[name]

    def topic(self, arn: str) -> Any:
        """The topic of an ARN. Raises LookupError."""
        if arn not in self.sns.topics:
            raise LookupError(f"The topic {arn} does not exist.")
        return self.sns.topics[arn]

    def log_group(self, arn: str) -> str:
        """The name of the log group of an ARN, as targets write it. Raises LookupError."""
        name = arn.split("log-group:")[1].removesuffix(":*")
        if name not in self.logs.groups:
            raise LookupError(f"The log group {name} does not exist.")
        return name

    def key_of(self, arn: str) -> str | None:
        """The ARN of the customer's own key that a queue, topic or stream is encrypted with.

        None for AWS's keys, and for one of another account, whose policy nobody here knows.
        """
        key_ids: dict[str, Callable[[], str | None]] = {
            "kinesis": lambda: getattr(self.kinesis.streams.get(arn.rpartition("/")[2]), "key_id", None),
            "sns": lambda: self.topic(arn).kms_master_key_id,
            "sqs": lambda: self.queue(arn).kms_master_key_id,
        }
        named = key_ids.get(arn.split(":")[2], lambda: None)()
        if not named or "alias/aws/" in named:
            return None
        return next((str(key.arn) for key in list(self.kms.keys.values()) if named in _names_of(key)), None)


def _names_of(key: Any) -> set[str]:
    return {key.id, key.arn, *key.aliases, *(alias.alias_arn for alias in key.aliases.values())}
