"""Mocks of the tasks of a state machine, so that a mediator is tested without its functions.

def test_declined_payment_rejects_the_order(cloud):
    fulfilment = cloud.state_machine("Fulfilment")
    fulfilment.mock("charge_payment", Throw("ConnectionError"), step_result(PaymentDeclined(...)))
"""

from typing import Any

from millrace.events import Event, Metadata, Refusal, encode
from millrace.local.services.stepfunctions import Mock, Return, Throw

__all__ = ["Mock", "Return", "Throw", "step_result"]


def step_result(*events: Event) -> Return:
    """Return the response of a step that publishes events. The mocked step does not publish them to the bus."""
    return Return(lambda parameters: {"StatusCode": 200, "Payload": _payload(parameters["Payload"], events)})


def _payload(payload: dict[str, Any], events: tuple[Event, ...]) -> dict[str, Any]:
    """Return the flow that continues, as the function of the step returns it."""
    flow = payload["flow"]
    before = [*flow["events"], *(event for branch in flow.get("branches", ()) for event in branch["events"])]
    cause = Metadata.model_validate(before[0]["detail"]["metadata"])
    published = [
        encode(
            event.stamped(
                cause.causes(producer=event.contract.source, position=position, version=event.contract.version)
            )
        )
        for position, event in enumerate(events)
    ]
    rest = {name: value for name, value in flow.items() if name not in ("branches", "answer")}
    return {
        **rest,
        "events": published if payload.get("beside") else [*before, *published],
        "refused": any(isinstance(event, Refusal) for event in events),
        "steps": flow["steps"] + 1,
    }
