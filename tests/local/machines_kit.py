"""Helpers that create, run and describe state machines through boto3."""

import io
import itertools
import json
import zipfile

import boto3
from botocore.config import Config

ROLE = "arn:aws:iam::123456789012:role/machines"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["events.amazonaws.com", "lambda.amazonaws.com", "states.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
_numbers = itertools.count(1)


def chain(**states):
    """Return a definition with these states in sequence. A state keeps its own Next or End."""
    names = list(states)
    for name, following in itertools.zip_longest(names, names[1:]):
        state = states[name]
        if state["Type"] not in {"Choice", "Fail", "Succeed"} and not {"Next", "End"} & state.keys():
            state |= {"Next": following} if following else {"End": True}
    return {"StartAt": names[0], "States": states}


def task(function, **more):
    """Return a task that invokes a function and has its result as output."""
    return {"Type": "Task", "Resource": function, **more}


class Kit:
    """Creates resources with unique names."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.client = cloud.client
        self.states = cloud.client("stepfunctions")
        iam = self.client("iam")
        iam.create_role(RoleName="machines", AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName="machines", PolicyName="all", PolicyDocument=ALL)

    def name(self):
        return f"test{next(_numbers)}"

    def function(self, body, **more):
        """Create a function whose `handler(event, context)` has this body."""
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("function.py", f"import json, os, time\n\n\ndef handler(event, context):\n{lines}\n")
        return self.client("lambda").create_function(
            FunctionName=self.name(),
            Runtime="python3.13",
            Role=ROLE,
            Handler="function.handler",
            Code={"ZipFile": zipped.getvalue()},
            **more,
        )["FunctionArn"]

    def machine(self, definition, **more):
        settings = {"name": self.name(), "roleArn": ROLE, **more}
        return self.states.create_state_machine(definition=json.dumps(definition), **settings)["stateMachineArn"]

    def start(self, definition, execution_input=None, **more):
        """Start a state machine, or a new one with a definition; return the ARN of the execution."""
        machine = definition if isinstance(definition, str) else self.machine(definition)
        text = json.dumps({} if execution_input is None else execution_input)
        return self.states.start_execution(stateMachineArn=machine, input=text, **more)["executionArn"]

    def describe(self, execution):
        found = self.states.describe_execution(executionArn=execution)
        return found | ({"output": json.loads(found["output"])} if "output" in found else {})

    def run(self, definition, execution_input=None, **more):
        """Start and settle; return the result of DescribeExecution, with the output parsed."""
        execution = self.start(definition, execution_input, **more)
        self.cloud.settle()
        return self.describe(execution)

    def output(self, definition, execution_input=None):
        """Return the output of an execution, which must succeed."""
        found = self.run(definition, execution_input)
        assert found["status"] == "SUCCEEDED", (found.get("error"), found.get("cause"))
        return found["output"]

    def failure(self, definition, execution_input=None):
        """Return the error and cause of an execution, which must fail."""
        found = self.run(definition, execution_input)
        assert found["status"] == "FAILED", found
        return found.get("error"), found.get("cause")

    def history(self, execution, **more):
        return self.states.get_execution_history(executionArn=execution, **more)["events"]

    def event_types(self, execution):
        return [event["type"] for event in self.history(execution)]

    def queue(self, **attributes):
        return self.client("sqs").create_queue(QueueName=self.name(), Attributes=attributes)["QueueUrl"]

    def messages(self, url):
        response = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in response.get("Messages", [])]

    def now(self):
        return self.cloud.scheduler.clock.now()

    def advance(self, seconds):
        """Advance the clock and settle."""
        self.cloud.scheduler.after(seconds, lambda: None, "advance of the clock")
        self.cloud.settle()

    def sync_client(self):
        return boto3.client(
            "stepfunctions",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            endpoint_url=self.cloud.endpoint_url,
            config=Config(inject_host_prefix=False),
        )
