"""Changes to moto's topic rules and to its iot-data Publish."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.core.moto_patches import replace, when_imported
from millrace.local.services.iot.service import Iot, TopicRuleError, check_rule

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


def apply(region: "Callable[..., AccountRegion]") -> None:
    """Apply every change, once IoT is used: moto imports it slowly."""
    when_imported("iot", _refuse_unsupported_rules)
    when_imported("iotdata", lambda: _run_rules(region))


def _refuse_unsupported_rules() -> None:
    """Refuse topic rules that are not supported."""
    from moto.iot.exceptions import InvalidRequestException
    from moto.iot.models import IoTBackend

    def checked(original: Any) -> Any:
        def call(backend: Any, rule_name: str, **payload: Any) -> Any:
            try:
                check_rule(payload["sql"], payload.get("actions") or [], payload.get("error_action"))
            except TopicRuleError as error:
                raise InvalidRequestException(f"{rule_name}: {error}") from error
            return original(backend, rule_name, **payload)

        return call

    for name in ("create_topic_rule", "replace_topic_rule"):
        replace(IoTBackend, name, checked(getattr(IoTBackend, name)))


def _run_rules(region: "Callable[..., AccountRegion]") -> None:
    """Run the topic rules of a published message; moto stores it only."""
    from moto.iotdata.models import IoTDataPlaneBackend

    publish = IoTDataPlaneBackend.publish

    def run_rules(backend: Any, topic: str, payload: bytes) -> None:
        publish(backend, topic, payload)
        owner = region(f"arn:aws:iot:{backend.region_name}:{backend.account_id}:topic/{topic}")
        data = payload.encode() if isinstance(payload, str) else payload
        owner.scheduler.soon(lambda: owner.service(Iot).publish(topic, data), f"rules of the topic {topic}")

    replace(IoTDataPlaneBackend, "publish", run_rules)
