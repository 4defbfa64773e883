"""How large a state's data is, in the bytes of UTF-8; moto reckons six for each character that is not ASCII."""

import json
from typing import Any

from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.quotas import MAX_STATE_SIZE_UTF8_BYTES


def fits(value: Any) -> bool:
    """Whether a state may hand this on: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html."""
    text = value if isinstance(value, str) else str(to_json_str(value))
    if not isinstance(value, str) and len(text) >= MAX_STATE_SIZE_UTF8_BYTES:
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return bool(len(text.encode()) < MAX_STATE_SIZE_UTF8_BYTES)
