"""`make cdk-cycle`: run the CDK CLI's commands against the local cloud and read every resource back through boto3.

Prints the figures of the run. Exits with 1 if a check fails.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from carrier import Carrier, refusal_reason
from read_stack import Comparison, DeployedStack
from steps import StepError, expect, log, run_cdk

from millrace.local.cloud import ACCOUNT, REGION, LocalCloud

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "events"
NOT_RETURNED = {
    "AWS::CloudWatch::CompositeAlarm.AlarmName",  # moto has no PutCompositeAlarm
    "AWS::CloudWatch::CompositeAlarm.AlarmRule",
    "AWS::CloudWatch::CompositeAlarm.Tags",
    "AWS::CloudWatch::Dashboard.Tags",
    "AWS::Events::Archive.KmsKeyIdentifier",
    "AWS::Events::Connection.AuthParameters",  # AWS does not return secrets either
    "AWS::Lambda::EventInvokeConfig.Qualifier",  # part of the request, not of moto's response
    "AWS::Lambda::EventSourceMapping.Tags",
}
"""The properties that moto's API does not return. Any other one is a failure."""


class Cycle:
    """Runs commands of the CDK CLI and measures them."""

    def __init__(self, cloud, cli, scratch):
        self.cloud = cloud
        self.cli = cli
        self.scratch = scratch
        self.seconds = []
        self.comparison = Comparison()
        self.environment = {
            **cloud.environment(),
            "AWS_ENDPOINT_URL": f"http://localhost:{cloud.port}",
            "CDK_HOME": str(scratch / "home"),
            "CYCLE_ASSETS": str(scratch),
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        }

    def cdk(self, name, *arguments, folder=None, fails=False):
        """Run the CLI and return its output. `fails` is whether it must fail."""
        log(f"» cdk {' '.join(arguments)}")
        command = [self.cli, *arguments]
        output, seconds = run_cdk(name, command, folder or self.scratch, self.environment, fails=fails)
        self.seconds.append((name, seconds))
        return output

    def status(self, stack):
        found = self.cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return found[0]["StackStatus"]

    def read_back(self, *stacks):
        """Compare stacks with their templates; return the deployed stacks."""
        found = [DeployedStack(self.cloud.client, stack) for stack in stacks]
        for deployed in found:
            before = (self.comparison.resources, self.comparison.properties)
            deployed.compare(self.comparison)
            resources, properties = self.comparison.resources - before[0], self.comparison.properties - before[1]
            log(f"  ok  read back {resources} resources and {properties} properties of {deployed.name}")
        return found

    def expect_destroyed(self, deployed):
        for stack in deployed:
            left = stack.unexpected_after_destroy()
            expect(not left, f"{stack.name} is deleted except for retained resources {left or ''}")


def bootstrap(cycle):
    output = cycle.cdk("bootstrap", "bootstrap", f"aws://{ACCOUNT}/{REGION}")
    expect("bootstrapped." in output, "the environment is bootstrapped")
    again = cycle.cdk("bootstrap again", "bootstrap", f"aws://{ACCOUNT}/{REGION}")
    expect("(no changes)" in again, "a second bootstrap changes nothing")
    cycle.read_back("CDKToolkit")


def project_app(cycle):
    """Deploy the project's app, read it back, and handle events."""
    out = str(cycle.scratch / "project.out")
    cycle.cdk(
        "deploy", "deploy", "--all", "--require-approval", "never", "-c", "keep-tables=no", "--output", out, folder=ROOT
    )
    stacks = [file.name.removesuffix(".template.json") for file in sorted(Path(out).glob("*.template.json"))]
    for stack in stacks:
        expect(cycle.status(stack) == "CREATE_COMPLETE", f"{stack} is CREATE_COMPLETE")
    deployed = cycle.read_back(*stacks)
    output = cycle.cdk(
        "deploy, nothing new", "deploy", "--app", out, "--all", "--require-approval", "never", folder=ROOT
    )
    expect(output.count("(no changes)") == len(stacks), "a second deploy changes nothing")
    output = cycle.cdk("diff", "diff", "--app", out, folder=ROOT)
    expect("Number of stacks with differences: 0" in output, "diff finds no difference")
    with Carrier(cycle.cloud.client, refusal_reason):
        handle_events(cycle.cloud)
    cycle.cdk("destroy", "destroy", "--app", out, "--all", "--force", folder=ROOT)
    cycle.expect_destroyed(deployed)


def handle_events(cloud):
    """Put recorded events and check the trace."""
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
    """Deploy, update, roll back and destroy an app with every type of resource."""
    app = ("--app", f"{sys.executable} {Path(__file__).with_name('cycle_app.py')}", "--require-approval", "never")
    cycle.cdk("deploy, 3 stacks", "deploy", *app, "--all")
    deployed = cycle.read_back("Exporting", "Importing", "Everything")
    former = deployed[0].ids
    imports = cycle.cloud.client("cloudformation").list_exports()["Exports"]
    expect(any(each["Name"].startswith("Exporting:") for each in imports), "one stack exports what the other imports")
    update(cycle, app, former)
    failure(cycle, app)
    deployed[0] = DeployedStack(cycle.cloud.client, "Exporting")
    cycle.cdk("destroy, 3 stacks", "destroy", *app[:2], "--all", "--force")
    cycle.expect_destroyed(deployed)


def update(cycle, app, former):
    updated = (*app, "-c", "mode=updated")
    output = cycle.cdk("diff of a change", "diff", *app[:2], "-c", "mode=updated", "Exporting")
    expect("VisibilityTimeout" in output, "diff shows the change")
    cycle.cdk("deploy, an update", "deploy", *updated, "Exporting")
    expect(cycle.status("Exporting") == "UPDATE_COMPLETE", "Exporting is UPDATE_COMPLETE")
    (deployed,) = cycle.read_back("Exporting")
    queue = next(name for name in deployed.ids if name.startswith("Queue"))
    expect(deployed.ids[queue] == former[queue], "the queue is the same one")
    expect(deployed.read(queue)["VisibilityTimeout"] == "50", "the queue has its new timeout")
    expect(sorted(name[:6] for name in deployed.ids) == ["Latter", "Queue4"], "one queue was created, one deleted")


def failure(cycle, app):
    output = cycle.cdk("deploy that fails", "deploy", *app, "-c", "mode=broken", "Exporting", fails=True)
    expect("Event bus missing does not exist" in output, "the output names the cause")
    expect("Broken" in output, "the output names the resource")
    expect(cycle.status("Exporting") == "UPDATE_ROLLBACK_COMPLETE", "Exporting is UPDATE_ROLLBACK_COMPLETE")
    cycle.read_back("Exporting")


def report(cycle):
    compared = cycle.comparison
    missing = compared.missing.total()
    log(f"\n{compared.resources} resources, {compared.properties} properties compared, {missing} not returned by moto:")
    for name, count in sorted(compared.missing.items()):
        log(f"  {count:3} x {name}{'' if name in NOT_RETURNED else '   UNEXPECTED'}")
    log("\nseconds for each command:")
    for name, seconds in cycle.seconds:
        log(f"  {seconds:5.1f}  {name}")
    return not (set(compared.missing) - NOT_RETURNED)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["project_app", "changes"], help="run only this part")
    parser.add_argument("--cli", required=True, help="path of the CLI: node_modules/aws-cdk/bin/cdk")
    options = parser.parse_args()
    cli = str(Path(options.cli).resolve())
    parts = [part for part in (project_app, changes) if options.only in (None, part.__name__)]
    with tempfile.TemporaryDirectory(prefix="millrace-cycle-") as folder, LocalCloud(cache=ROOT / ".millrace") as cloud:
        scratch = Path(folder)
        for directory, name in (("code", "handler.py"), ("layer/python", "needed.py")):
            (scratch / directory).mkdir(parents=True)
            (scratch / directory / name).write_text("def handler(event, context): ...\n")
        cycle = Cycle(cloud, cli, scratch)
        try:
            for part in (bootstrap, *parts):
                part(cycle)
        except StepError as error:
            log(f"  FAILED  {error}")
            report(cycle)
            return 1
        return 0 if report(cycle) else 1


if __name__ == "__main__":
    sys.exit(main())
