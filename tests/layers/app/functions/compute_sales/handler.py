import json
from pathlib import Path

from millrace.runtime import batch_view


@batch_view
def handler(events: Path) -> dict[str, int]:
    cents = [json.loads(line)["cents"] for line in events.read_text().splitlines()]
    return {"orders": len(cents), "cents": sum(cents)}
