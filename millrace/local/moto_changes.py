"""Every change to moto's behaviour, with its reason. Tests fail on the day that moto makes one needless.

The patches stand for the whole process; what they do, they do for the planes that are attached.
"""

import os
from collections.abc import Callable
from copy import copy
from functools import cached_property, lru_cache
from pathlib import Path
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any

from millrace.local import deployment_packages, moto_buckets, moto_expressions, moto_sources, moto_tables
from millrace.local.models import models

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane
    from millrace.local.plane.planes import Planes

_attached: "Planes | None" = None
_patched = False


def settings(port: int) -> None:
    """Set what moto reads from the environment. Call before moto is imported."""
    os.environ["MOTO_PORT"] = str(port)  # the tasks of a state machine call this endpoint
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # or each response would let any web page read it
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    os.environ.setdefault("MOTO_ALLOW_NONEXISTENT_REGION", "true")  # as none is looked up, see below
    os.environ.setdefault("MOTO_ACCOUNT_ID_ENDPOINT_MODE", "disabled")  # or calls to DynamoDB Streams find nothing


def attach(planes: "Planes | None") -> None:
    """Make moto report to the planes of a cloud; None lets go of them."""
    global _attached, _patched  # noqa: PLW0603 - moto's own state is the process's, so this is too
    _attached = planes
    if not _patched:
        _patched = True
        _tell_time()
        moto_sources.apply(_plane)
        moto_tables.apply()
        moto_expressions.apply()
        moto_buckets.apply()
        _make_policies_once()
        _share_models()
        _take_any_region()
        _build_no_urls()
        _find_operations_once()
        _draw_ids_at_once()
        _keep_function_settings()
        _check_deployment_packages()
        _replay_on_the_agenda()
        _name_api_endpoints()


def _plane(arn: str = "") -> "Plane":
    """The plane of a resource, the one at home if none is named; all have one clock."""
    if _attached is None:
        raise RuntimeError("moto was used after its local cloud was closed.")
    return _attached.of_arn(arn, _attached.home) or _attached.home


def _tell_time() -> None:
    """Queues and logs use the clock of the local cloud, which skips idle time."""
    import moto.logs.models  # noqa: PLC0415
    import moto.sqs.models  # noqa: PLC0415

    seconds, millis = moto.sqs.models.unix_time, moto.sqs.models.unix_time_millis

    def cloud_seconds(moment: Any = None) -> float:
        return float(seconds(moment)) + _plane().clock.ahead

    def cloud_millis(moment: Any = None) -> float:
        return float(millis(moment)) + _plane().clock.ahead * 1000

    moto.sqs.models.unix_time = cloud_seconds
    moto.sqs.models.unix_time_millis = cloud_millis
    moto.logs.models.unix_time_millis = cloud_millis


def _make_policies_once() -> None:
    """Moto parses AWS's 1,582 managed policies for each partition and at every reset, whether one is used or not.

    The local cloud is of one partition.
    """
    from moto.iam.models import IAMBackend  # noqa: PLC0415

    make, begin = IAMBackend._init_aws_policies, IAMBackend.__init__
    made: dict[str, list[Any]] = {}

    def aws_managed_policies(backend: Any) -> list[Any]:
        if backend.partition != "aws":
            return []
        if backend.account_id not in made:
            made[backend.account_id] = make(backend)
        return [copy(policy) for policy in made[backend.account_id]]

    def __init__(backend: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        begin(backend, *args, **kwargs)
        del backend.aws_managed_policies, backend.managed_policies

    IAMBackend.__init__ = __init__
    IAMBackend._init_aws_policies = lambda _backend: []
    _first_when_asked(IAMBackend, "aws_managed_policies", aws_managed_policies)
    _first_when_asked(IAMBackend, "managed_policies", IAMBackend._init_managed_policies)


def _first_when_asked(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Make an attribute of a class that is computed when it is first read."""
    attribute = cached_property(make)
    attribute.__set_name__(owner, name)
    setattr(owner, name, attribute)


def _share_models() -> None:
    """Moto reads the model of a service that the clients have read, again; it adds to some, which it reads itself."""
    import moto.core.utils  # noqa: PLC0415
    from moto.core.loaders import moto_root  # noqa: PLC0415

    read = moto.core.utils._load_service_model

    def load_service_model(service: str, kind: str) -> dict[str, Any]:
        own = Path(moto_root, service.replace("-", ""))
        load = read if any(own.glob(f"*/{kind}.*")) else models().load_service_model
        return dict(load(service, kind))

    moto.core.utils._load_service_model = load_service_model


def _take_any_region() -> None:
    """Moto reads the endpoints of the whole world for the names of its regions. It makes one that it does not know."""
    from moto.core.base_backend import AccountSpecificBackend  # noqa: PLC0415

    every = AccountSpecificBackend._generate_regions

    def generate_regions(backend: Any, service: str) -> list[str]:
        return [_attached.home.state.region] if _attached else every(backend, service)

    AccountSpecificBackend._generate_regions = generate_regions


def _build_no_urls() -> None:
    """Moto has a builder of URLs compiled for each route of a REST API, and builds no URL."""
    from moto.core.routing import SmithyRule  # noqa: PLC0415

    def build(rule: Any, *_args: Any) -> Any:
        raise NotImplementedError(f"The local cloud builds no URL of {rule}.")

    SmithyRule._compile_builder = lambda _rule, append_unknown=True: build  # noqa: ARG005 - werkzeug's


def _find_operations_once() -> None:
    """Moto looks through all the methods of a service, and takes the operation's name apart, at each call."""
    from moto.core import responses  # noqa: PLC0415

    names = responses.method_names_from_class
    responses.method_names_from_class = lru_cache(256)(lambda service: frozenset(names(service)))
    responses.camelcase_to_underscores = lru_cache(4096)(responses.camelcase_to_underscores)


def _draw_ids_at_once() -> None:
    """Moto draws the 52 characters of a request id one by one, which takes longer than to read an item."""
    from moto.moto_api._internal.moto_random import MotoRandom  # noqa: PLC0415

    def get_random_string(
        source: Any,
        length: int = 20,
        include_digits: bool = True,  # noqa: FBT001, FBT002 - moto's signature
        lower_case: bool = False,  # noqa: FBT001, FBT002
    ) -> str:
        drawn = "".join(source.choices(ascii_letters + digits * include_digits, k=length))
        return drawn.lower() if lower_case else drawn

    MotoRandom.get_random_string = get_random_string


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


def _replay_on_the_agenda() -> None:
    """Moto replays a whole archive within StartReplay, whatever its window and its rules."""
    from moto.events.models import Replay  # noqa: PLC0415

    def replay_events(replay: Any, archive: Any) -> None:
        _plane(archive.arn).replays.start(replay, archive)

    Replay.replay_events = replay_events


def _name_api_endpoints() -> None:
    """Moto names an HTTP API's endpoint at AWS; the local cloud serves it here."""
    from moto.apigatewayv2.models import Api  # noqa: PLC0415

    make = Api.__init__

    def __init__(api: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        make(api, *args, **kwargs)
        api.api_endpoint = f"http://{api.api_id}.execute-api.localhost:{os.environ['MOTO_PORT']}"

    Api.__init__ = __init__
