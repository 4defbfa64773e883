"""Changes to moto's functions and event source mappings."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from millrace.local.core.moto_patches import replace
from millrace.local.services.lambda_ import deployment_packages
from millrace.local.services.lambda_.event_source_mappings.filters import compile_filters
from millrace.local.services.lambda_.event_source_mappings.kafka_poller import KafkaSourceError, brokers_of
from millrace.local.services.lambda_.service import Lambda

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_KAFKA_BATCH_SIZE = 100
"""https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-configure.html"""
RegionOf = Callable[..., "AccountRegion"]


def apply(region: RegionOf) -> None:
    """Change moto's functions."""
    _queue_invocations(region)
    _check_and_qualify_mappings()
    _replace_invoke_config()
    _qualify_invoke_configs()
    _keep_function_settings()
    _check_deployment_packages()


def _queue_invocations(region: RegionOf) -> None:
    """moto runs a function in Docker within the call. Queue an asynchronous invocation instead."""
    from moto.awslambda.models import LambdaFunction  # noqa: PLC0415

    def invoke(function: Any, body: Any, _request_headers: Any, _response_headers: Any) -> bytes:
        owner, payload = region(function.function_arn), body.encode() if isinstance(body, str) else body or b"{}"
        functions = owner.service(Lambda).functions
        owner.scheduler.soon(lambda: functions.invoke_async(function, payload), "invocation by a service")
        return b""

    replace(LambdaFunction, "invoke", invoke)


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
        mapping = _kafka_mapping(backend, spec) if is_kafka(spec) else create(backend, spec)
        mapping.function_arn = qualified_arn(backend, spec["FunctionName"])
        return mapping

    def update_event_source_mapping(backend: Any, uuid: str, spec: dict[str, Any]) -> Any:
        check(spec)
        mapping = update(backend, uuid, spec)
        if mapping and "FunctionName" in spec:
            mapping.function_arn = qualified_arn(backend, spec["FunctionName"])
        return mapping

    replace(LambdaBackend, "create_event_source_mapping", create_event_source_mapping)
    replace(LambdaBackend, "update_event_source_mapping", update_event_source_mapping)


def is_kafka(spec: dict[str, Any]) -> bool:
    """Whether a mapping reads topics of Kafka. Refuse other sources that the local cloud does not run, by name."""
    from moto.awslambda.exceptions import InvalidParameterValueException  # noqa: PLC0415

    service = (spec.get("EventSourceArn") or "arn:aws:").split(":")[2]
    if service in ("mq", "rds"):
        kind = {"mq": "Amazon MQ", "rds": "Amazon DocumentDB"}[service]
        raise InvalidParameterValueException(f"The local cloud does not run event sources of {kind}.")
    return service == "kafka" or "SelfManagedEventSource" in spec


def _kafka_mapping(backend: Any, spec: dict[str, Any]) -> Any:
    """moto has no mapping of Kafka. Store one that moto lists, changes and deletes like its own."""
    from moto.awslambda.exceptions import InvalidParameterValueException  # noqa: PLC0415
    from moto.awslambda.models import EventSourceMapping  # noqa: PLC0415

    class KafkaMapping(EventSourceMapping):  # type: ignore[misc]
        event_source_arn: Any = None  # plain attributes instead of moto's properties
        batch_size: Any = None

    try:
        brokers = brokers_of(spec)
    except KafkaSourceError as error:
        raise InvalidParameterValueException(str(error)) from error
    if find_spec("confluent_kafka") is None:
        raise InvalidParameterValueException("An event source of Kafka needs the package confluent-kafka: install it.")
    function = backend.get_function(spec["FunctionName"])
    own = {"RegionName": backend.region_name, "AccountId": backend.account_id, "FunctionArn": function.function_arn}
    mapping = KafkaMapping({"EventSourceArn": "", **spec, **own})
    mapping.batch_size = mapping.batch_size or _KAFKA_BATCH_SIZE
    mapping.brokers = brokers
    backend._event_source_mappings[mapping.uuid] = mapping
    return mapping


def qualified_arn(backend: Any, name: str) -> str:
    """Return the ARN of a function from a name or ARN, with its version or alias."""
    plain, _, qualifier = name.rpartition(":function:")[2].partition(":")
    arn = f"arn:aws:lambda:{backend.region_name}:{backend.account_id}:function:{plain}"
    return f"{arn}:{qualifier}" if qualifier else arn


def _replace_invoke_config() -> None:
    """moto keeps a function's first event invoke configuration and ignores later ones."""
    from moto.awslambda.models import EventInvokeConfig, LambdaBackend  # noqa: PLC0415

    def put(backend: Any, function_name: str, config: dict[str, Any]) -> Any:
        function = backend.get_function(function_name)
        stored = EventInvokeConfig(qualified_arn(backend, function_name), function.last_modified, config)
        function.event_invoke_config = [stored]
        return stored.response()

    def update(backend: Any, function_name: str, config: dict[str, Any]) -> Any:
        previous = backend.get_function(function_name).event_invoke_config
        return put(backend, function_name, {**(previous[0].config if previous else {}), **config})

    replace(LambdaBackend, "put_function_event_invoke_config", put)
    replace(LambdaBackend, "update_function_event_invoke_config", update)


def _qualify_invoke_configs() -> None:
    """moto ignores the qualifier and stores the configuration of a version or alias for the function."""
    from moto.awslambda.models import LambdaBackend  # noqa: PLC0415
    from moto.awslambda.responses import LambdaResponse  # noqa: PLC0415

    for name in ("put", "get", "delete", "update"):
        replace(LambdaResponse, f"{name}_function_event_invoke_config", _qualified(LambdaResponse, name))
    delete = LambdaBackend.delete_function_event_invoke_config

    def delete_config(backend: Any, function_name: str) -> None:
        delete(backend, function_name)
        backend.get_function(function_name).event_invoke_config = []

    replace(LambdaBackend, "delete_function_event_invoke_config", delete_config)


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

    replace(LambdaFunction, "__init__", __init__)
    replace(LambdaFunction, "update_configuration", update_configuration)
    replace(LambdaFunction, "get_configuration", get_configuration)


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

    replace(moto.awslambda.models, "_zipfile_content", checked(moto.awslambda.models._zipfile_content))
    replace(moto.awslambda.models, "_s3_content", checked(moto.awslambda.models._s3_content))
