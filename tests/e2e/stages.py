"""`make e2e STAGE=…`: deploy short-lived stages of the shop, use, update, break and destroy them with the real CDK CLI.

It works on a copy of the project, in the cloud at AWS_ENDPOINT_URL or, with `--aws`, in the AWS account of the shell's
credentials. It calls AWS's APIs, `cdk` and `millrace` only. It exits with 1 if a check fails, and prints at the end
what remains of each stage.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import boto3
import steps
from steps import StepError, expect, log

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))

from carrier import Carrier  # noqa: E402 - from the folder above

VARIABLES = {"PYTHONPATH": str(ROOT)}
COPIED = ("app.py", "cdk.json", "functions", "infra", "pyproject.toml")
MAX_WAIT, PAUSE = 600, 2
FLOW = ("OrderPlaced", "StockReserved", "PaymentCharged", "OrderCompleted", "PointsAwarded", "CreditRated")
PLATINUM = {
    "functions/contracts/loyalty.py": ('Literal["silver", "gold"]', 'Literal["silver", "gold", "platinum"]'),
    "functions/issue_gift/handler.py": ('"a copper kettle"}', '"a copper kettle", "platinum": "a windmill"}'),
}
"""An update of a contract and of the handler that needs it: file, text, new text."""
BROKEN = {
    "infra/credit.py": (
        "        ratings = table(",
        """        from aws_cdk.aws_lambda import CfnPermission

        own = {"action": "lambda:InvokeFunction", "principal": "events.amazonaws.com"}
        CfnPermission(self, "Broken", function_name="missing", **own)
        ratings = table(""",
    )
}
"""An update that AWS rejects: a permission for a function that does not exist."""


class Stage:
    """One stage of the shop, with its own copy of the project."""

    def __init__(self, name, folder, cli, *, aws):
        self.name = name
        self.folder = folder
        self.cli = cli
        self.aws = ["--aws"] if aws else []
        self.stack, self.bus = f"Shop-{name}", f"shop-{name}"
        self.context = ["-c", f"stage={name}", "-c", "keep-tables=no"]
        self.stack_id = ""

    def edit(self, changes):
        """Replace texts in files of the project."""
        for file, (old, new) in changes.items():
            path = self.folder / file
            text = path.read_text()
            expect(old in text, f"{file} contains the text to replace")
            path.write_text(text.replace(old, new))

    def cdk(self, *arguments, fails=False):
        """Run the CDK CLI and return its output. `fails` is whether it must fail."""
        name = f"cdk {arguments[0]} {self.stack}"
        output, _seconds = steps.run_cdk(name, [self.cli, *arguments], self.folder, VARIABLES, fails=fails)
        return output

    def deploy(self, *, fails=False):
        return self.cdk("deploy", "--all", "--require-approval", "never", *self.context, fails=fails)

    def millrace(self, *arguments):
        """Run a command of `millrace` for this stage and return its JSON."""
        command = [steps.BIN / "millrace", *arguments, *self.aws, *self.context, "--json"]
        return json.loads(steps.run(command, self.folder, VARIABLES).stdout)

    def put(self, file):
        """Put a recorded event onto the bus and return its correlation id."""
        name = file.replace("_", " ").title().replace(" ", "")
        yes = ["--yes"] if self.aws else []
        return self.millrace("put", name, "--data", f"@{ROOT}/tests/events/{file}.json", *yes)["correlation_id"]

    def wait_for(self, correlation_id, *names):
        """Wait until a trace contains all names, and return the trace as text."""

        def found():
            text = self._trace(correlation_id)
            return text if all(f'"{name}"' in text for name in names) else ""

        return self.until(found, f"the trace contains {' → '.join(names)}")

    def _trace(self, correlation_id):
        return json.dumps(self.millrace("trace", correlation_id))

    def until(self, check, text):
        """Call `check` until it returns something true, and return that."""
        deadline, never = time.monotonic() + MAX_WAIT, threading.Event()
        while not (found := check()) and time.monotonic() < deadline:
            never.wait(PAUSE)  # AWS has no notification that a flow has settled
        expect(found, f"{self.stack}: {text}")
        return found

    @property
    def status(self):
        (found,) = boto3.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        self.stack_id = found["StackId"]
        return found["StackStatus"]

    def remaining(self):
        """Return the type and physical id of each resource that the deleted stack has retained."""
        pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.stack_id)
        resources = [each for page in pages for each in page["StackResourceSummaries"]]
        kept = [each for each in resources if each["ResourceStatus"] != "DELETE_COMPLETE"]
        return [f"{each['ResourceType']} {each['PhysicalResourceId']} ({each['ResourceStatus']})" for each in kept]


def deploy(stage):
    """Deploy the stage."""
    stage.deploy()
    expect(stage.status == "CREATE_COMPLETE", f"{stage.stack} is CREATE_COMPLETE")


def scenario(stage):
    """Deliver stock, place an order, answer as the carrier, and wait for the end of the flow."""
    stage.wait_for(stage.put("stock_delivered"), "shelve_stock")
    order = stage.put("place_order")
    stage.wait_for(order, "ShippingRequested")
    answer(stage, order)
    stage.wait_for(order, *FLOW)  # the flow branches, so no event is the last one


def answer(stage, correlation_id):
    """Answer as the carrier, with the callback id and secret from the table of tokens."""
    pages = boto3.client("dynamodb").get_paginator("list_tables").paginate()
    tables = [name for page in pages for name in page["TableNames"] if name.startswith(f"{stage.stack}-")]
    (table,) = [name for name in tables if "CallbacksTokens" in name]
    items = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    (item,) = [each for page in items for each in page["Items"] if correlation_id in str(each.get("published"))]
    carrier = Carrier(boto3.client, lambda _: None, boto3.Session().get_credentials(), stage=stage.name)
    data = {"order_id": "order-1001", "carrier": "e2e", "tracking_id": "MS-1"}
    callback = f"{item['id']['S']}.{item['secret']['S']}"
    expect(carrier.send(callback, "ShipmentArranged", data) == 202, f"{stage.stack}: the answer is accepted")


def dead_letter(stage):
    """Put an event that the contract does not allow yet: it is quarantined without retries."""
    envelope = json.loads((ROOT / "tests/events/tier_upgraded.json").read_text())
    envelope["detail"]["data"]["tier"] = "platinum"
    keys = {"Source": "source", "DetailType": "detail-type"}
    entry = {key: envelope[name] for key, name in keys.items()} | {"Detail": json.dumps(envelope["detail"])}
    put = boto3.client("events").put_events(Entries=[{**entry, "EventBusName": stage.bus}])
    expect(put["FailedEntryCount"] == 0, f"{stage.stack}: an event with an unknown tier is put")
    stage.until(lambda: stage.millrace("dlq", "list"), "the event is a dead letter")


def update(stage):
    """Update a contract and a handler."""
    stage.edit(PLATINUM)
    stage.deploy()
    expect(stage.status == "UPDATE_COMPLETE", f"{stage.stack} is UPDATE_COMPLETE")


def redrive(stage):
    """Redrive the dead letter to the updated handler."""
    (dead_letter,) = stage.millrace("dlq", "list")
    stage.millrace("dlq", "redrive", "--all", "--yes")
    stage.wait_for(dead_letter["correlation_id"], "GiftIssued")
    expect(not stage.millrace("dlq", "list"), f"{stage.stack} has no dead letter")


def failure(stage):
    """Let an update fail, and see it rolled back; then restore the project."""
    stage.edit(BROKEN)
    output = stage.deploy(fails=True)
    expect("Broken" in output, f"{stage.stack}: the output names the resource that failed")
    if stage.status != "UPDATE_ROLLBACK_COMPLETE":
        log(output)
    expect(stage.status == "UPDATE_ROLLBACK_COMPLETE", f"{stage.stack} is UPDATE_ROLLBACK_COMPLETE")
    stage.edit({file: (new, old) for file, (old, new) in BROKEN.items()})


def replay(stage):
    """Replay the archive to one rule. The handler knows the events, so no effect repeats."""
    since = datetime.fromtimestamp(time.time() - 3600, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    found = stage.millrace("replay", "--from", since, "--rule", "issue_gift", "--yes")
    expect("COMPLETED" in json.dumps(found), f"{stage.stack}: the replay is COMPLETED")


def destroy(stage):
    """Destroy the stage and print what remains."""
    stage.status  # noqa: B018 - reads the id of the stack, which its name does not find after the deletion
    stage.cdk("destroy", "--all", "--force", *stage.context)
    for resource in stage.remaining() or ["nothing"]:
        log(f"      remains of {stage.stack}: {resource}")


PHASES = (deploy, scenario, dead_letter, update, redrive, failure, replay, destroy)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", nargs="+", required=True, help="the names of the stages, which live side by side")
    parser.add_argument("--cli", required=True, help="path of the CLI: node_modules/aws-cdk/bin/cdk")
    parser.add_argument("--aws", action="store_true", help="use the AWS account of the shell's credentials")
    options = parser.parse_args()
    if options.aws == ("AWS_ENDPOINT_URL" in os.environ):
        parser.error("Set AWS_ENDPOINT_URL, or pass --aws; not both.")
    caller = boto3.client("sts")
    log(f"account {caller.get_caller_identity()['Account']}, region {caller.meta.region_name}")
    with tempfile.TemporaryDirectory(prefix="millrace-e2e-") as folder:
        stages = [project(name, Path(folder) / name, options) for name in options.stage]
        stages[0].cdk("bootstrap")
        return run(stages)


def project(name, folder, options):
    """Return a stage with a copy of the project."""
    for each in COPIED:
        source, target = ROOT / each, folder / each
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
    return Stage(name, folder, Path(options.cli).resolve(), aws=options.aws)


def run(stages):
    """Run each phase in every stage. After a failed check the stages are destroyed."""
    try:
        for phase in PHASES:
            for stage in stages:
                log(f"» {stage.stack}: {phase.__doc__}")
                phase(stage)
    except StepError as error:
        log(f"  FAILED  {error}")
        for stage in stages:
            stage.cdk("destroy", "--all", "--force", *stage.context)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
