"""Changes to moto's topic rules and to its iot-data Publish."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.core.moto_patches import replace
from millrace.local.services.iot.service import Iot, TopicRuleError, check_rule

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


def apply(region: "Callable[..., AccountRegion]") -> None:
    """Refuse rules that are not played, and run rules when a message is published: moto stores it only."""
    from moto.iot.exceptions import InvalidRequestException  # noqa: PLC0415 - imported after moto's settings
    from moto.iot.models import IoTBackend  # noqa: PLC0415
    from moto.iotdata.models import IoTDataPlaneBackend  # noqa: PLC0415

    publish = IoTDataPlaneBackend.publish

    def run_rules(backend: Any, topic: str, payload: bytes) -> None:
        publish(backend, topic, payload)
        owner = region(f"arn:aws:iot:{backend.region_name}:{backend.account_id}:topic/{topic}")
        data = payload.encode() if isinstance(payload, str) else payload
        owner.scheduler.soon(lambda: owner.service(Iot).publish(topic, data), f"rules of the topic {topic}")

    def checked(original: Any) -> Any:
        def call(backend: Any, rule_name: str, **payload: Any) -> Any:
            try:
                check_rule(payload["sql"], payload.get("actions") or [], payload.get("error_action"))
            except TopicRuleError as error:
                raise InvalidRequestException(f"{rule_name}: {error}") from error
            return original(backend, rule_name, **payload)

        return call

    replace(IoTDataPlaneBackend, "publish", run_rules)
    for name in ("create_topic_rule", "replace_topic_rule"):
        replace(IoTBackend, name, checked(getattr(IoTBackend, name)))
