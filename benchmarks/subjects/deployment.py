"""Deploy through boto3 to subjects that have AWS's API."""

import json
import time
from typing import Any

from benchmarks import stack
from benchmarks.subjects.subject import Cloud, SubjectError

_TIMEOUT = 60.0


def create_stack(cloud: Cloud) -> None:
    """Create the stack and wait until it is complete."""
    client = cloud.client("cloudformation")
    body = json.dumps(stack.template(cloud.site.record))
    client.create_stack(StackName="Bench", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    until = time.monotonic() + _TIMEOUT
    while (found := client.describe_stacks(StackName="Bench")["Stacks"][0])["StackStatus"] != "CREATE_COMPLETE":
        if "IN_PROGRESS" not in found["StackStatus"] or time.monotonic() > until:
            raise SubjectError(f"the stack is {found['StackStatus']}: {found.get('StackStatusReason', '')}")
        time.sleep(0.02)


def add_rules(cloud: Cloud) -> None:
    """Add rules that match no event, up to the wanted number."""
    events, target = cloud.client("events"), sink_target(cloud)
    for number in range(1, cloud.site.rules):
        name, pattern = f"other-{number}", json.dumps(stack.other_pattern(number))
        events.put_rule(Name=name, EventBusName=stack.MANY, EventPattern=pattern)
        events.put_targets(Rule=name, EventBusName=stack.MANY, Targets=[target])


def sink_target(cloud: Cloud) -> dict[str, Any]:
    """Return the sink's target."""
    name = stack.function_name("Sink")
    found = cloud.client("lambda").get_function_configuration(FunctionName=name)
    return {"Id": "function", "Arn": found["FunctionArn"]}
