"""`make cdk-cycle`: the real CDK CLI's whole cycle against the local cloud, and everything read back through boto3.

The figures at the end are of this run. Ends with 1 where something is not as it should be.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from carrier import Carrier, refusal_reason
from read_stack import Comparison, StackSeen

from millrace.local.cloud import ACCOUNT, REGION, LocalCloud

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "events"
BIN = Path(sys.executable).parent
NOT_SHOWN = {
    "AWS::CloudWatch::CompositeAlarm.AlarmName",  # moto has no PutCompositeAlarm
    "AWS::CloudWatch::CompositeAlarm.AlarmRule",
    "AWS::CloudWatch::CompositeAlarm.Tags",
    "AWS::CloudWatch::Dashboard.Tags",
    "AWS::Events::Archive.KmsKeyIdentifier",
    "AWS::Events::Connection.AuthParameters",  # AWS shows no secret either
    "AWS::Lambda::EventInvokeConfig.Qualifier",  # it is asked for, and not part of moto's answer
    "AWS::Lambda::EventSourceMapping.Tags",
}
"""The properties that moto's API does not give back. A further one is a failure."""


class CycleFailed(AssertionError):
    """Something is not as it should be; the text says what."""


def say(text):
    print(text, flush=True)  # noqa: T201 - a script that tells how far it is


def expect(condition, text):
    if not condition:
        raise CycleFailed(text)
    say(f"  ok  {text}")


class Cycle:
    """The commands, one after the other, and what they took."""

    def __init__(self, cloud, cli, scratch):
        self.cloud = cloud
        self.cli = cli
        self.scratch = scratch
        self.seconds = []
        self.comparison = Comparison()
        self.environment = {
            **os.environ,
            **cloud.environment(),
            "AWS_ENDPOINT_URL": f"http://localhost:{cloud.port}",
            "CDK_HOME": str(scratch / "home"),
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CDK_VALIDATION": "false",
            "CI": "1",
            "CYCLE_ASSETS": str(scratch),
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }

    def cdk(self, name, *arguments, folder=None, fails=False):
        """Run the CLI, and give what it printed. Whether it fails has to be as foreseen."""
        say(f"» cdk {' '.join(arguments)}")
        began = time.monotonic()
        ran = subprocess.run(
            [BIN / "node", self.cli, *arguments],
            cwd=folder or self.scratch,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        took = time.monotonic() - began
        self.seconds.append((name, took))
        if bool(ran.returncode) != fails:
            say(ran.stdout)
            raise CycleFailed(f"cdk {arguments[0]} ended with {ran.returncode}")
        say(f"  ok  {name}: {took:.1f} s")
        return ran.stdout

    def status(self, stack):
        found = self.cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return found[0]["StackStatus"]

    def read_back(self, *stacks):
        """Compare stacks with their templates, and give them as they are seen."""
        found = [StackSeen(self.cloud.client, stack) for stack in stacks]
        for seen in found:
            before = (self.comparison.resources, self.comparison.properties)
            seen.compare(self.comparison)
            resources, properties = self.comparison.resources - before[0], self.comparison.properties - before[1]
            say(f"  ok  read {resources} resources and {properties} properties of {seen.name} back")
        return found

    def gone(self, seen):
        for stack in seen:
            left = stack.wrongly_left()
            expect(not left, f"nothing is left of {stack.name} but what is to be retained {left or ''}")


def bootstrap(cycle):
    output = cycle.cdk("bootstrap", "bootstrap", f"aws://{ACCOUNT}/{REGION}")
    expect("bootstrapped." in output, "the environment is bootstrapped")
    again = cycle.cdk("bootstrap again", "bootstrap", f"aws://{ACCOUNT}/{REGION}")
    expect("(no changes)" in again, "a second bootstrap changes nothing")
    cycle.read_back("CDKToolkit")


def own_app(cycle):
    """The project's own app: deployed, read back, and its events handled."""
    out = str(cycle.scratch / "own.out")
    cycle.cdk("deploy", "deploy", "--all", "--require-approval", "never", "--output", out, folder=ROOT)
    stacks = [file.name.removesuffix(".template.json") for file in sorted(Path(out).glob("*.template.json"))]
    for stack in stacks:
        expect(cycle.status(stack) == "CREATE_COMPLETE", f"{stack} is CREATE_COMPLETE")
    seen = cycle.read_back(*stacks)
    output = cycle.cdk(
        "deploy, nothing new", "deploy", "--app", out, "--all", "--require-approval", "never", folder=ROOT
    )
    expect(output.count("(no changes)") == len(stacks), "a second deploy changes nothing")
    output = cycle.cdk("diff", "diff", "--app", out, folder=ROOT)
    expect("Number of stacks with differences: 0" in output, "diff finds no difference")
    with Carrier(cycle.cloud.client, refusal_reason):
        handled(cycle.cloud)
    cycle.cdk("destroy", "destroy", "--app", out, "--all", "--force", folder=ROOT)
    cycle.gone(seen)


def handled(cloud):
    """Put recorded events, and see what came of them."""
    names = []
    for file in ("stock_delivered", "place_order"):
        envelope = json.loads((EVENTS / f"{file}.json").read_text())
        entry = {
            "Source": envelope["source"],
            "DetailType": envelope["detail-type"],
            "Detail": json.dumps(envelope["detail"]),
            "EventBusName": "shop",
        }
        answer = cloud.client("events").put_events(Entries=[entry])
        expect(answer["FailedEntryCount"] == 0, f"{envelope['detail-type']} is put")
        cloud.settle()
        names = cloud.trace(envelope["detail"]["metadata"]["correlation_id"]).names()
    expect("OrderCompleted" in names, f"the order is handled: {' → '.join(names)}")


def changes(cycle):
    """An app with every type of resource: deployed, updated, failing, rolled back, destroyed."""
    app = ("--app", f"{sys.executable} {Path(__file__).with_name('cycle_app.py')}", "--require-approval", "never")
    cycle.cdk("deploy, 3 stacks", "deploy", *app, "--all")
    seen = cycle.read_back("Exporting", "Importing", "Everything")
    former = seen[0].ids
    imports = cycle.cloud.client("cloudformation").list_exports()["Exports"]
    expect(any(each["Name"].startswith("Exporting:") for each in imports), "one stack exports what the other imports")
    update(cycle, app, former)
    failure(cycle, app)
    seen[0] = StackSeen(cycle.cloud.client, "Exporting")
    cycle.cdk("destroy, 3 stacks", "destroy", *app[:2], "--all", "--force")
    cycle.gone(seen)


def update(cycle, app, former):
    updated = (*app, "-c", "mode=updated")
    output = cycle.cdk("diff of a change", "diff", *app[:2], "-c", "mode=updated", "Exporting")
    expect("VisibilityTimeout" in output, "diff shows the change")
    cycle.cdk("deploy, an update", "deploy", *updated, "Exporting")
    expect(cycle.status("Exporting") == "UPDATE_COMPLETE", "Exporting is UPDATE_COMPLETE")
    (seen,) = cycle.read_back("Exporting")
    queue = next(name for name in seen.ids if name.startswith("Queue"))
    expect(seen.ids[queue] == former[queue], "the queue is the same one")
    expect(seen.answer(queue)["VisibilityTimeout"] == "50", "and has its new timeout")
    expect(sorted(name[:6] for name in seen.ids) == ["Latter", "Queue4"], "one queue came, one went")


def failure(cycle, app):
    output = cycle.cdk("deploy that fails", "deploy", *app, "-c", "mode=broken", "Exporting", fails=True)
    expect("Event bus nowhere does not exist" in output, "it names its cause")
    expect("Broken" in output, "it names its resource")
    expect(cycle.status("Exporting") == "UPDATE_ROLLBACK_COMPLETE", "Exporting is UPDATE_ROLLBACK_COMPLETE")
    cycle.read_back("Exporting")


def tell(cycle):
    compared = cycle.comparison
    missing = compared.missing.total()
    say(f"\n{compared.resources} resources, {compared.properties} properties compared, {missing} not shown by moto:")
    for name, count in sorted(compared.missing.items()):
        say(f"  {count:3} x {name}{'' if name in NOT_SHOWN else '   UNEXPECTED'}")
    say("\nseconds for each command:")
    for name, seconds in cycle.seconds:
        say(f"  {seconds:5.1f}  {name}")
    return not (set(compared.missing) - NOT_SHOWN)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["own_app", "changes"], help="leave the other part out")
    parser.add_argument("--cli", required=True, help="the CLI's own file: node_modules/aws-cdk/bin/cdk")
    chosen = parser.parse_args()
    cli = str(Path(chosen.cli).resolve())
    parts = [part for part in (own_app, changes) if chosen.only in (None, part.__name__)]
    with tempfile.TemporaryDirectory(prefix="millrace-cycle-") as folder, LocalCloud(cache=ROOT / ".millrace") as cloud:
        scratch = Path(folder)
        for place, name in (("code", "handler.py"), ("layer/python", "needed.py")):
            (scratch / place).mkdir(parents=True)
            (scratch / place / name).write_text("def handler(event, context): ...\n")
        cycle = Cycle(cloud, cli, scratch)
        try:
            for part in (bootstrap, *parts):
                part(cycle)
        except CycleFailed as failed:
            say(f"  FAILED  {failed}")
            tell(cycle)
            return 1
        return 0 if tell(cycle) else 1


if __name__ == "__main__":
    sys.exit(main())
