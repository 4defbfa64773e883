"""Changes to moto's EventBridge."""

import json
from collections.abc import Callable
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace
from millrace.local.services.eventbridge.service import EventBridge


def apply(region: Callable[..., AccountRegion]) -> None:
    """Apply every change."""
    _run_replays(region)
    _keep_policies_as_given()
    _update_secrets()


def _run_replays(region: Callable[..., AccountRegion]) -> None:
    """Run replays here: moto replays the whole archive within StartReplay and ignores its window and rules."""
    from moto.events.models import Replay

    def replay_events(replay: Any, archive: Any) -> None:
        region(archive.arn).service(EventBridge).replays.start(replay, archive)

    replace(Replay, "replay_events", replay_events)


def _keep_policies_as_given() -> None:
    """moto stores the principal * as an ARN that allows no one, and keeps statements that a new policy lacks.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
    """
    from moto.events.models import EventBus, EventBusPolicyStatement

    def add_permission(
        bus: Any, statement_id: str, action: str, principal: dict[str, str], condition: dict[str, Any] | None
    ) -> None:
        everyone = str(principal["AWS"]).endswith(":iam::*:root")
        bus._statements[statement_id] = EventBusPolicyStatement(
            statement_id, "*" if everyone else principal, action, bus.arn, condition=condition
        )

    def add_policy(bus: Any, policy: dict[str, Any]) -> None:
        statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
        named = {each.get("Sid") or f"Statement{number}": each for number, each in enumerate(statements)}
        bus._statements = {
            sid: EventBusPolicyStatement.from_dict({"Resource": bus.arn, **each, "Sid": sid})
            for sid, each in named.items()
        }

    replace(EventBus, "add_permission", add_permission)
    replace(EventBus, "add_policy", add_policy)


def _update_secrets() -> None:
    """moto keeps the first secret of a connection.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_UpdateConnection.html
    """
    from moto.events.models import CamelToUnderscoresWalker, EventsBackend
    from moto.secretsmanager.models import secretsmanager_backends

    update = EventsBackend.update_connection

    def update_connection(backend: Any, name: str, **given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = update(backend, name, **given)
        parameters = given.get("auth_parameters")
        if parameters:
            content = {
                name: member
                for kind, value in parameters.items()
                for name, member in ({kind: value} if kind == "InvocationHttpParameters" else value).items()
            }
            text = json.dumps(CamelToUnderscoresWalker.parse(content))
            secrets = secretsmanager_backends[backend.account_id][backend.region_name]
            secrets.put_secret_value(backend.connections[name].secret_arn, text, None, None, ["AWSCURRENT"])
        return answer

    replace(EventsBackend, "update_connection", update_connection)
