"""What a rule's target is handed: the whole envelope, or the part that the target asks for.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

import json
from typing import Any

from millrace.local.clock import Clock


def shaped(envelope: dict[str, Any], target: dict[str, Any], rule: Any, clock: Clock) -> str:  # noqa: ARG001
    """The text of a target's input."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath") is not None:
        return json.dumps(_at(envelope, target["InputPath"]))
    if target.get("InputTransformer") is not None:
        raise NotImplementedError(f"InputTransformer, on a target of the rule {rule.name}")
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False)


def _at(envelope: Any, path: str) -> Any:
    for name in path.removeprefix("$").strip(".").split("."):
        if name:
            envelope = envelope[name]
    return envelope
