"""Changes to moto's functions and event source mappings."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.services.lambda_ import deployment_packages
from millrace.local.services.lambda_.event_source_mappings.filters import compile_filters
from millrace.local.services.lambda_.service import Lambda

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

UNRESERVED = 100
"""Concurrent executions that no function can reserve: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
RegionOf = Callable[..., "AccountRegion"]


def apply(region: RegionOf) -> None:
    """Change moto's functions."""
    _queue_invocations(region)
    _check_and_qualify_mappings()
    _replace_invoke_config()
    _qualify_invoke_configs()
    _keep_function_settings()
    _check_deployment_packages()
    _keep_recursion_config()
    _limit_reservations(region)


def _queue_invocations(region: RegionOf) -> None:
    """moto runs a function in Docker within the call. Queue an asynchronous invocation instead."""
    from moto.awslambda.models import LambdaFunction  # noqa: PLC0415

    def invoke(function: Any, body: Any, _request_headers: Any, _response_headers: Any) -> bytes:
        owner, payload = region(function.function_arn), body.encode() if isinstance(body, str) else body or b"{}"
        functions = owner.service(Lambda).functions
        owner.scheduler.soon(lambda: functions.invoke_async(function, payload), "invocation by a service")
        return b""

    LambdaFunction.invoke = invoke


def _check_and_qualify_mappings() -> None:
    """moto resolves an alias once, when a mapping is created, and accepts invalid filters."""
    from moto.awslambda.exceptions import InvalidParameterValueException  # noqa: PLC0415
    from moto.awslambda.models import LambdaBackend  # noqa: PLC0415

    create, update = LambdaBackend.create_event_source_mapping, LambdaBackend.update_event_source_mapping

    def check(spec: dict[str, Any]) -> None:
        try:
            compile_filters(spec.get("FilterCriteria"))
        except ValueError as error:
            raise InvalidParameterValueException(f"Invalid filter pattern definition. ({error})") from error

    def create_event_source_mapping(backend: Any, spec: dict[str, Any]) -> Any:
        check(spec)
        mapping = create(backend, spec)
        mapping.function_arn = qualified_arn(backend, spec["FunctionName"])
        return mapping

    def update_event_source_mapping(backend: Any, uuid: str, spec: dict[str, Any]) -> Any:
        check(spec)
        mapping = update(backend, uuid, spec)
        if mapping and "FunctionName" in spec:
            mapping.function_arn = qualified_arn(backend, spec["FunctionName"])
        return mapping

    LambdaBackend.create_event_source_mapping = create_event_source_mapping
    LambdaBackend.update_event_source_mapping = update_event_source_mapping


def qualified_arn(backend: Any, name: str) -> str:
    """Return the ARN of a function from a name or ARN, with its version or alias."""
    plain, _, qualifier = name.rpartition(":function:")[2].partition(":")
    arn = f"arn:aws:lambda:{backend.region_name}:{backend.account_id}:function:{plain}"
    return f"{arn}:{qualifier}" if qualifier else arn


def _replace_invoke_config() -> None:
    """moto keeps a function's first event invoke configuration and ignores later ones."""
    from moto.awslambda.models import EventInvokeConfig, LambdaBackend  # noqa: PLC0415

    def put(backend: Any, name: str, config: dict[str, Any]) -> Any:
        function = backend.get_function(name)
        stored = EventInvokeConfig(qualified_arn(backend, name), function.last_modified, config)
        function.event_invoke_config = [stored]
        return stored.response()

    def update(backend: Any, name: str, config: dict[str, Any]) -> Any:
        previous = backend.get_function(name).event_invoke_config
        return put(backend, name, {**(previous[0].config if previous else {}), **config})

    LambdaBackend.put_function_event_invoke_config = put
    LambdaBackend.update_function_event_invoke_config = update


def _qualify_invoke_configs() -> None:
    """moto ignores the qualifier and stores the configuration of a version or alias for the function."""
    from moto.awslambda.models import LambdaBackend  # noqa: PLC0415
    from moto.awslambda.responses import LambdaResponse  # noqa: PLC0415

    for name in ("put", "get", "delete", "update"):
        setattr(LambdaResponse, f"{name}_function_event_invoke_config", _qualified(LambdaResponse, name))
    delete = LambdaBackend.delete_function_event_invoke_config

    def delete_config(backend: Any, name: str) -> None:
        delete(backend, name)
        backend.get_function(name).event_invoke_config = []

    LambdaBackend.delete_function_event_invoke_config = delete_config


def _qualified(response_class: Any, name: str) -> Callable[[Any], Any]:
    original = getattr(response_class, f"{name}_function_event_invoke_config")

    def with_qualifier(response: Any) -> Any:
        qualifier = response._get_param("Qualifier")
        if qualifier and qualifier != "$LATEST":
            head, _, tail = response.path.rpartition("/event-invoke-config")
            response.path = f"{head}:{qualifier}/event-invoke-config{tail}"
        return original(response)

    return with_qualifier


def _keep_function_settings() -> None:
    """moto drops the LoggingConfig and DeadLetterConfig of a function."""
    from moto.awslambda.models import LambdaFunction  # noqa: PLC0415

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

    LambdaFunction.__init__ = __init__
    LambdaFunction.update_configuration = update_configuration
    LambdaFunction.get_configuration = get_configuration


def _check_deployment_packages() -> None:
    """moto accepts any bytes as the code of a function or layer, which then fails at each invocation.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    """
    import moto.awslambda.models  # noqa: PLC0415
    from moto.awslambda.exceptions import InvalidParameterValueException  # noqa: PLC0415

    def checked(read: Callable[[Any], tuple[bytes, int, str, str]]) -> Callable[[Any], tuple[bytes, int, str, str]]:
        def content(given: Any) -> tuple[bytes, int, str, str]:
            found = read(given)
            try:
                deployment_packages.check(found[0])
            except deployment_packages.PackageError as error:
                raise InvalidParameterValueException(str(error)) from error
            return found

        return content

    moto.awslambda.models._zipfile_content = checked(moto.awslambda.models._zipfile_content)
    moto.awslambda.models._s3_content = checked(moto.awslambda.models._s3_content)


def _keep_recursion_config() -> None:
    """moto has neither PutFunctionRecursionConfig nor GetFunctionRecursionConfig.

    https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionRecursionConfig.html
    """
    import moto.awslambda.urls  # noqa: PLC0415
    from moto.awslambda.exceptions import InvalidParameterValueException  # noqa: PLC0415
    from moto.awslambda.responses import LambdaResponse  # noqa: PLC0415
    from moto.core.responses import ActionResult  # noqa: PLC0415

    def get(response: Any) -> Any:
        function = response.backend.get_function(response._get_param("FunctionName"))
        return ActionResult({"RecursiveLoop": getattr(function, "recursive_loop", "Terminate")})

    def put(response: Any) -> Any:
        chosen = response._get_param("RecursiveLoop")
        if chosen not in ("Allow", "Terminate"):
            message = f"Value '{chosen}' at 'recursiveLoop' failed to satisfy constraint: [Allow, Terminate]"
            raise InvalidParameterValueException(message)
        response.backend.get_function(response._get_param("FunctionName")).recursive_loop = chosen
        return get(response)

    LambdaResponse.get_function_recursion_config, LambdaResponse.put_function_recursion_config = get, put
    path = r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/recursion-config$"
    moto.awslambda.urls.url_paths[path] = LambdaResponse.dispatch


def _limit_reservations(region: RegionOf) -> None:
    """moto reads the quota of concurrent executions from an environment variable. AWS leaves 100 unreserved.

    https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
    """
    from moto.awslambda.exceptions import InvalidParameterValueException  # noqa: PLC0415
    from moto.awslambda.models import LambdaBackend  # noqa: PLC0415

    put = LambdaBackend.put_function_concurrency

    def put_function_concurrency(backend: Any, function_name: str, reserved_concurrency: Any) -> Any:
        quota = region().regions.concurrency
        own = backend.get_function(function_name).function_name
        others = [each for each in backend.list_functions() if each.function_name != own]
        reserved = int(reserved_concurrency) + sum(int(each.reserved_concurrency or 0) for each in others)
        if quota is not None and quota - reserved < UNRESERVED:
            raise InvalidParameterValueException(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{UNRESERVED}]."
            )
        return put(backend, function_name, reserved_concurrency)

    LambdaBackend.put_function_concurrency = put_function_concurrency
