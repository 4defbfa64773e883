"""What moto's functions and their event source mappings do otherwise here."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.services.lambda_ import deployment_packages
from millrace.local.services.lambda_.event_source_mappings.filters import compile_filters
from millrace.local.services.lambda_.service import Lambda

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

RegionOf = Callable[..., "AccountRegion"]


def apply(region: RegionOf) -> None:
    """Change moto's functions."""
    _invoke_on_the_plane(region)
    _map_to_what_is_named()
    _keep_the_last_invoke_config()
    _take_qualifiers_of_invoke_configs()
    _keep_function_settings()
    _check_deployment_packages()


def _invoke_on_the_plane(region: RegionOf) -> None:
    """Moto runs a function in Docker, within the call; whatever in moto invokes one queues an invocation instead."""
    from moto.awslambda.models import LambdaFunction  # noqa: PLC0415

    def invoke(function: Any, body: Any, _request_headers: Any, _response_headers: Any) -> bytes:
        known, payload = region(function.function_arn), body.encode() if isinstance(body, str) else body or b"{}"

        def queued() -> None:
            known.service(Lambda).functions.invoke_async(function, payload)

        known.scheduler.soon(queued, "invocation by a service")
        return b""

    LambdaFunction.invoke = invoke


def _map_to_what_is_named() -> None:
    """Moto maps a source to the version that an alias led to, for ever, and accepts any filter."""
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
    """The ARN of a function as a name or ARN says it, its version or alias kept."""
    plain, _, qualifier = name.rpartition(":function:")[2].partition(":")
    arn = f"arn:aws:lambda:{backend.region_name}:{backend.account_id}:function:{plain}"
    return f"{arn}:{qualifier}" if qualifier else arn


def _keep_the_last_invoke_config() -> None:
    """Moto keeps the first configuration for asynchronous invocation, whatever is put after it."""
    from moto.awslambda.models import EventInvokeConfig, LambdaBackend  # noqa: PLC0415

    def put(backend: Any, name: str, config: dict[str, Any]) -> Any:
        function = backend.get_function(name)
        kept = EventInvokeConfig(qualified_arn(backend, name), function.last_modified, config)
        function.event_invoke_config = [kept]
        return kept.response()

    def update(backend: Any, name: str, config: dict[str, Any]) -> Any:
        had = backend.get_function(name).event_invoke_config
        return put(backend, name, {**(had[0].config if had else {}), **config})

    LambdaBackend.put_function_event_invoke_config = put
    LambdaBackend.update_function_event_invoke_config = update


def _take_qualifiers_of_invoke_configs() -> None:
    """Moto ignores the qualifier: the configuration of a version or an alias would be the function's."""
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
    answer = getattr(response_class, f"{name}_function_event_invoke_config")

    def answered(response: Any) -> Any:
        qualifier = response._get_param("Qualifier")
        if qualifier and qualifier != "$LATEST":
            head, _, tail = response.path.rpartition("/event-invoke-config")
            response.path = f"{head}:{qualifier}/event-invoke-config{tail}"
        return answer(response)

    return answered


def _keep_function_settings() -> None:
    """Moto drops a function's logging and dead-letter settings."""
    from moto.awslambda.models import LambdaFunction  # noqa: PLC0415

    kept = {"LoggingConfig": "logging_config", "DeadLetterConfig": "dead_letter_config"}
    make, configure, show = (
        LambdaFunction.__init__,
        LambdaFunction.update_configuration,
        LambdaFunction.get_configuration,
    )

    def keep(function: Any, given: dict[str, Any]) -> None:
        for name, attribute in kept.items():
            if name in given:
                setattr(function, attribute, given[name])

    def __init__(function: Any, account_id: str, spec: dict[str, Any], *args: Any, **kwargs: Any) -> None:  # noqa: N807
        make(function, account_id, spec, *args, **kwargs)
        keep(function, spec)

    def update_configuration(function: Any, config_updates: dict[str, Any]) -> Any:
        keep(function, config_updates)
        return configure(function, config_updates)

    def get_configuration(function: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        had = {name: getattr(function, attribute, None) for name, attribute in kept.items()}
        return {**show(function, *args, **kwargs), **{name: value for name, value in had.items() if value}}

    LambdaFunction.__init__ = __init__
    LambdaFunction.update_configuration = update_configuration
    LambdaFunction.get_configuration = get_configuration


def _check_deployment_packages() -> None:
    """Moto takes any bytes for the code of a function or a layer; they then fail at each invocation.

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
