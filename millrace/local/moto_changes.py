"""Every change to moto's behaviour, with its reason. Tests fail on the day that moto makes one needless.

The patches stand for the whole process; what they do, they do for the plane that is attached.
"""

import os
from copy import copy
from typing import TYPE_CHECKING, Any

from millrace.local import moto_sources, moto_tables

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane

_attached: "Plane | None" = None
_patched = False


def settings(port: int) -> None:
    """Set what moto reads from the environment. Call before moto is imported."""
    os.environ["MOTO_PORT"] = str(port)  # the tasks of a state machine call this endpoint
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    os.environ.setdefault("MOTO_ACCOUNT_ID_ENDPOINT_MODE", "disabled")  # or calls to DynamoDB Streams find nothing


def attach(plane: "Plane | None") -> None:
    """Make moto report to a plane; None lets go of it."""
    global _attached, _patched  # noqa: PLW0603 - moto's own state is the process's, so this is too
    _attached = plane
    if not _patched:
        _patched = True
        _tell_time()
        moto_sources.apply(_plane)
        moto_tables.apply()
        _make_policies_once()
        _keep_function_settings()
        _replay_on_the_agenda()
        _name_api_endpoints()


def _plane() -> "Plane":
    if _attached is None:
        raise RuntimeError("moto was used after its local cloud was closed.")
    return _attached


def _tell_time() -> None:
    """Queues and logs reckon with the clock of the local cloud, which can leap."""
    import moto.logs.models  # noqa: PLC0415
    import moto.sqs.models  # noqa: PLC0415

    seconds, millis = moto.sqs.models.unix_time, moto.sqs.models.unix_time_millis

    def leapt_seconds(moment: Any = None) -> float:
        return float(seconds(moment)) + _plane().clock.leapt

    def leapt_millis(moment: Any = None) -> float:
        return float(millis(moment)) + _plane().clock.leapt * 1000

    moto.sqs.models.unix_time = leapt_seconds
    moto.sqs.models.unix_time_millis = leapt_millis
    moto.logs.models.unix_time_millis = leapt_millis


def _make_policies_once() -> None:
    """Moto parses AWS's 1,582 managed policies again for each partition and at every reset, for 1.8 s.

    The local cloud is of one partition.
    """
    from moto.iam.models import IAMBackend  # noqa: PLC0415

    make = IAMBackend._init_aws_policies
    made: dict[str, list[Any]] = {}

    def init_aws_policies(backend: Any) -> list[Any]:
        if backend.partition != "aws":
            return []
        if backend.account_id not in made:
            made[backend.account_id] = make(backend)
        return [copy(policy) for policy in made[backend.account_id]]

    IAMBackend._init_aws_policies = init_aws_policies


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


def _replay_on_the_agenda() -> None:
    """Moto replays a whole archive within StartReplay, whatever its window and its rules."""
    from moto.events.models import Replay  # noqa: PLC0415

    def replay_events(replay: Any, archive: Any) -> None:
        _plane().replays.start(replay, archive)

    Replay.replay_events = replay_events


def _name_api_endpoints() -> None:
    """Moto names an HTTP API's endpoint at AWS; the local cloud serves it here."""
    from moto.apigatewayv2.models import Api  # noqa: PLC0415

    make = Api.__init__

    def __init__(api: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        make(api, *args, **kwargs)
        api.api_endpoint = f"http://{api.api_id}.execute-api.localhost:{os.environ['MOTO_PORT']}"

    Api.__init__ = __init__
