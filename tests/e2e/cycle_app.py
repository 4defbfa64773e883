"""The CDK app of `cdk_cycle.py`: every type of resource in one stack, and two stacks that share an export.

The context `mode` selects the first deployment, an update, or a deployment that fails.
"""

import os
import sys
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))
from shop_stack import Shop

app = cdk.App(analytics_reporting=False)
mode = app.node.try_get_context("mode") or "first"
assets = Path(os.environ["CYCLE_ASSETS"])

exporting = cdk.Stack(app, "Exporting")
seconds = 40 if mode == "first" else 50
queue = sqs.Queue(exporting, "Queue", visibility_timeout=cdk.Duration.seconds(seconds))
if mode == "first":
    sqs.Queue(exporting, "Former")
if mode in ("updated", "broken"):
    sqs.Queue(exporting, "Latter")
if mode == "broken":
    broken = events.CfnRule(exporting, "Broken", event_bus_name="missing", event_pattern={"source": ["x"]})
    broken.node.add_dependency(queue)

importing = cdk.Stack(app, "Importing")
ssm.StringParameter(importing, "Name", parameter_name="/cycle/queue", string_value=queue.queue_arn)

Shop(app, "Everything", str(assets / "code"), str(assets / "layer"))
app.synth()
