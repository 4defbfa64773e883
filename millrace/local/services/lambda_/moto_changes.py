"""Changes to moto's functions and event source mappings."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.core.moto_patches import replace
from millrace.local.services.lambda_ import (
    alias_moto_changes,
    api_moto_changes,
    deployment_packages,
    invoke_config_moto_changes,
    mapping_moto_changes,
)
from millrace.local.services.lambda_.errors import api_error
from millrace.local.services.lambda_.public_layers import UnknownPublicLayerError, public_layer
from millrace.local.services.lambda_.service import Lambda

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

UNRESERVED = 100
"""Concurrent executions that no function can reserve: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
_FUNCTIONS_ONLY = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please "
    "specify either a function name or an unqualified function ARN."
)
RegionOf = Callable[..., "AccountRegion"]


def apply(region: RegionOf) -> None:
    """Change moto's functions."""
    _queue_invocations(region)
    _keep_function_settings()
    _check_deployment_packages()
    _keep_layers()
    invoke_config_moto_changes.apply()
    mapping_moto_changes.apply()
    api_moto_changes.apply()
    alias_moto_changes.apply()
    _limit_reservations(region)


def _queue_invocations(region: RegionOf) -> None:
    """moto runs a function in Docker within the call. Queue an asynchronous invocation instead."""
    from moto.awslambda.models import LambdaFunction

    def invoke(function: Any, body: Any, _request_headers: Any, _response_headers: Any) -> bytes:
        owner, payload = region(function.function_arn), body.encode() if isinstance(body, str) else body or b"{}"
        functions = owner.service(Lambda).functions
        owner.scheduler.soon(lambda: functions.invoke_async(function, payload), "invocation by a service")
        return b""

    replace(LambdaFunction, "invoke", invoke)


def _keep_function_settings() -> None:
    """moto drops the LoggingConfig and DeadLetterConfig of a function."""
    from moto.awslambda.models import LambdaFunction

    attributes = {"LoggingConfig": "logging_config", "DeadLetterConfig": "dead_letter_config"}
    create, update, get = LambdaFunction.__init__, LambdaFunction.update_configuration, LambdaFunction.get_configuration

    def keep(function: Any, given: dict[str, Any]) -> None:
        for name, attribute in attributes.items():
            if name in given:
                setattr(function, attribute, given[name])

    def __init__(function: Any, account_id: str, spec: dict[str, Any], *args: Any, **kwargs: Any) -> None:  # noqa: N807
        create(function, account_id, spec, *args, **kwargs)
        keep(function, spec)

    def update_configuration(function: Any, config_updates: dict[str, Any]) -> Any:
        keep(function, config_updates)
        return update(function, config_updates)

    def get_configuration(function: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        kept = {name: getattr(function, attribute, None) for name, attribute in attributes.items()}
        return {**get(function, *args, **kwargs), **{name: value for name, value in kept.items() if value}}

    replace(LambdaFunction, "__init__", __init__)
    replace(LambdaFunction, "update_configuration", update_configuration)
    replace(LambdaFunction, "get_configuration", get_configuration)


def _check_deployment_packages() -> None:
    """moto accepts any bytes as the code of a function or layer, which then fails at each invocation.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    """
    import moto.awslambda.models
    from moto.awslambda.exceptions import InvalidParameterValueException

    def checked(read: Callable[[Any], tuple[bytes, int, str, str]]) -> Callable[[Any], tuple[bytes, int, str, str]]:
        def content(given: Any) -> tuple[bytes, int, str, str]:
            found = read(given)
            try:
                deployment_packages.check(found[0])
            except deployment_packages.PackageError as error:
                raise InvalidParameterValueException(str(error)) from error
            return found

        return content

    replace(moto.awslambda.models, "_zipfile_content", checked(moto.awslambda.models._zipfile_content))
    replace(moto.awslambda.models, "_s3_content", checked(moto.awslambda.models._s3_content))


def _keep_layers() -> None:
    """moto drops a deleted layer version, which functions that use it still need, and has no public layers.

    https://docs.aws.amazon.com/lambda/latest/api/API_DeleteLayerVersion.html
    """
    from moto.awslambda.exceptions import UnknownLayerVersionException
    from moto.awslambda.models import LambdaFunction
    from moto.awslambda.utils import get_backend

    layers_data = LambdaFunction._get_layers_data

    def layer(function: Any, arn: str) -> Any:
        if f":{function.account_id}:layer:" not in arn:
            return public_layer(arn)
        try:
            layers_data(function, [arn])
        except UnknownLayerVersionException as error:
            raise api_error(f"Layer version {arn} does not exist.") from error
        return get_backend(function.account_id, function.region).layers_versions_by_arn(arn)

    def get_layers_data(function: Any, layers_versions_arns: list[str]) -> Any:
        try:
            function.millrace_layers = [layer(function, arn) for arn in layers_versions_arns]
        except UnknownPublicLayerError as error:
            raise api_error(str(error)) from error
        return [{"Arn": each.arn, "CodeSize": each.code_size} for each in function.millrace_layers]

    replace(LambdaFunction, "_get_layers_data", get_layers_data)


def _limit_reservations(region: RegionOf) -> None:
    """moto reads the quota of concurrent executions from an environment variable. AWS leaves 100 unreserved.

    https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
    """
    from moto.awslambda.models import LambdaBackend

    put = LambdaBackend.put_function_concurrency

    def put_function_concurrency(backend: Any, function_name: str, reserved_concurrency: Any) -> Any:
        if ":" in function_name.rpartition("function:")[2]:
            raise api_error(_FUNCTIONS_ONLY)
        quota = region().regions.concurrency
        own = backend.get_function(function_name).function_name
        others = [each for each in backend.list_functions() if each.function_name != own]
        reserved = int(reserved_concurrency) + sum(int(each.reserved_concurrency or 0) for each in others)
        if quota is not None and quota - reserved < UNRESERVED:
            raise api_error(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{UNRESERVED}]."
            )
        return put(backend, function_name, reserved_concurrency)

    replace(LambdaBackend, "put_function_concurrency", put_function_concurrency)
