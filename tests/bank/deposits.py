"""Deposits for the soak test. Handlers of lists must count each once despite failures and duplicates."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from millrace.events import Metadata

APP = Path(__file__).parent / "app"
FUNCTIONS = ("post_deposits", "count_deposits")
ACCOUNTS = 5
"""Few accounts, so that calls write the same items at the same time."""
DUPLICATE_EVERY = 7
"""Every seventh deposit is published twice."""
BATCH = 3
"""Deposits of one call of PutEvents."""
FAIL_FIRST_EVERY = 11
"""Every eleventh deposit fails when it is first posted, after those before it in its list."""
Items = Callable[[str], list[dict[str, Any]]]


def deposit(cloud: Any, numbers: Iterable[int]) -> None:
    """Publish deposits in small batches, so that a failed list may be retried with other deposits."""
    entries = [entry for number in numbers for entry in [_entry(number)] * (1 + (number % DUPLICATE_EVERY == 0))]
    for first in range(0, len(entries), BATCH):
        response = cloud.client("events").put_events(Entries=entries[first : first + BATCH])
        if response["FailedEntryCount"]:
            raise RuntimeError(f"PutEvents failed: {response}")


def _entry(number: int) -> dict[str, str]:
    metadata = Metadata.root(producer="soak").model_dump(mode="json", exclude_none=True)
    detail = {"metadata": metadata, "data": _data(number)}
    return {"Source": "test.bank", "DetailType": "Deposited", "EventBusName": "bank", "Detail": json.dumps(detail)}


def _data(number: int) -> dict[str, Any]:
    name, account = f"deposit-{number}", f"account-{number % ACCOUNTS}"
    fails_first = number % FAIL_FIRST_EVERY == FAIL_FIRST_EVERY - 1
    return {"deposit_id": name, "account": account, "cents": 100 + number, "fails_first": fails_first}


def redrive() -> None:
    """Redrive the dead letters of the bank, which is a separate project."""
    command = [sys.executable, "-m", "millrace", "dlq", "redrive", "--all"]
    subprocess.run(command, cwd=APP, check=True, stdout=subprocess.DEVNULL)


def wrong(items: Items, orders: int) -> Iterator[str]:
    """Yield deposits that are lost or counted more than once."""
    data = [_data(number) for number in range(orders)]
    stored = [item for item in items("accounts") if not item["stream"].startswith("$") and item["version"] > 0]
    posted = Counter(json.loads(item["detail"])["data"]["deposit_id"] for item in stored)
    for name in sorted({each["deposit_id"] for each in data} | set(posted)):
        if posted[name] != 1:
            yield f"{name} is posted {posted[name]} times"
    cents = Counter[str]()
    for each in data:
        cents[each["account"]] += each["cents"]
    counted = {item["account"]: int(item["cents"]) for item in items("totals")}
    for account in sorted(cents.keys() | counted.keys()):
        if counted.get(account, 0) != cents[account]:
            yield f"{account} has {counted.get(account, 0)} cents instead of {cents[account]}"
