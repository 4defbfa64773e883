"""Measure time and memory of rebuilding a read model from many stored events in the local cloud.

`python -m benchmarks.rebuild --events 100000`
"""

import argparse
import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from millrace.events import Metadata
from millrace.local.cloud import LocalCloud
from millrace.local.cloudformation.synthesis import synthesise
from millrace.runtime.stream_items import RUN

ROOT = Path(__file__).parents[1]
CUSTOMERS = 5_000


def stored(position: int) -> dict[str, dict[str, str]]:
    """Return the item of one placed order at its position in the log."""
    metadata = Metadata.root(producer="place_order").model_dump(mode="json", exclude_none=True)
    order = f"order-{position}"
    data = {
        "order_id": order,
        "customer_id": f"customer-{position % CUSTOMERS}",
        "lines": [{"sku": "kettle", "quantity": 1, "unit_price_cents": 6450}],
        "total_cents": 6450,
        "card": "tok_4242",
        "address": {"name": "Ada Miller", "street": "Mill Lane 3", "city": "Leeds", "country": "DE"},
    }
    detail = {"metadata": {**metadata, "stream": order, "stream_version": 1}, "data": data}
    texts = {"stream": order, "source": "shop.orders", "detail_type": "OrderPlaced", "detail": json.dumps(detail)}
    numbers = {"version": 1, "position": position}
    texts["log"] = f"run.{position // RUN:012}"
    return {k: {"S": v} for k, v in texts.items()} | {k: {"N": str(v)} for k, v in numbers.items()}


def fill(cloud: LocalCloud, count: int) -> None:
    """Write events to the shop's event store, with its publishing disabled."""
    client = cloud.client("lambda")
    for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
        if "/stream/" in mapping["EventSourceArn"]:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    backend = cloud.region.backends.dynamodb
    name = next(table for table in backend.tables if "orderstore" in table.lower())
    for position in range(1, count + 1):
        backend.put_item(name, stored(position))
    backend.put_item(name, {"stream": {"S": "$log"}, "version": {"N": "0"}, "last": {"N": str(count)}})


def resident() -> float:
    """Return the resident memory in MiB of the largest child process, which runs the function."""
    sizes: dict[int, tuple[int, float]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, KeyError):
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
            sizes[int(folder.name)] = (int(status["PPid"]), int(status["VmRSS"].split()[0]) / 1024)
    below = {os.getpid()}
    while more := {pid for pid, (parent, _) in sizes.items() if parent in below} - below:
        below |= more
    return max((sizes[pid][1] for pid in below - {os.getpid()}), default=0.0)


def run(count: int, projection: str) -> None:
    """Rebuild, and print time and memory of each part."""
    assembly = ROOT / ".millrace" / "cdk.out"
    synthesise(ROOT, assembly)
    with LocalCloud(cache=ROOT / ".millrace") as cloud:
        cloud.deploy(assembly)
        began = time.monotonic()
        fill(cloud, count)
        print(f"{count} events stored after {time.monotonic() - began:.1f} s", flush=True)
        rebuild(cloud, count, projection)


def rebuild(cloud: LocalCloud, count: int, projection: str) -> None:
    """Run the same parts as `millrace rebuild`, and read the function's memory after each."""
    client = cloud.client("lambda")
    name = next(f["FunctionName"] for f in client.list_functions()["Functions"] if projection in f["FunctionName"])

    def do(what: str) -> dict[str, Any]:
        payload = json.dumps({"rebuild": {"do": what}})
        response = client.invoke(FunctionName=name, Payload=payload)
        answer: dict[str, Any] = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            raise RuntimeError(f"{what}: {answer}")
        return answer

    do("begin")
    do("clear")
    began, seen = time.monotonic(), []
    while True:
        answer = do("read")
        seen.append(resident())
        took = time.monotonic() - began
        print(
            f"  {answer['at']:>7} events  {took:6.1f} s  {answer['at'] / took:5.0f}/s  {seen[-1]:5.1f} MiB", flush=True
        )
        if answer["done"]:
            break
    do("finish")
    own = int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024
    memory = f"the function used {min(seen):.1f} to {max(seen):.1f} MiB, the local cloud {own:.0f}"
    print(f"rebuilt {count} events in {took:.1f} s; {memory}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--projection", default="CustomerView", help="set the construct id of the projection")
    chosen = parser.parse_args()
    os.chdir(ROOT)
    run(chosen.events, chosen.projection)


if __name__ == "__main__":
    main()
