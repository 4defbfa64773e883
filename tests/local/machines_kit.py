"""State machines at hand: made, run and read back through boto3."""

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
    """A definition of states, one after the other; each keeps its own Next or End where it has one."""
    names = list(states)
    for name, following in itertools.zip_longest(names, names[1:]):
        state = states[name]
        if state["Type"] not in {"Choice", "Fail", "Succeed"} and not {"Next", "End"} & state.keys():
            state |= {"Next": following} if following else {"End": True}
    return {"StartAt": names[0], "States": states}


def task(function, **more):
    """A task that runs a function, and whose output is the function's answer."""
    return {"Type": "Task", "Resource": function, **more}


class Kit:
    """Makes what a test of state machines needs. Names are new each time."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.client = cloud.client
        self.states = cloud.client("stepfunctions")
        iam = self.client("iam")
        iam.create_role(RoleName="machines", AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName="machines", PolicyName="all", PolicyDocument=ALL)

    def name(self):
        return f"it{next(_numbers)}"

    def function(self, body, **more):
        """A function whose handler, of `event` and `context`, has this body."""
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("it.py", f"import json, os, time\n\n\ndef handler(event, context):\n{lines}\n")
        return self.client("lambda").create_function(
            FunctionName=self.name(),
            Runtime="python3.13",
            Role=ROLE,
            Handler="it.handler",
            Code={"ZipFile": packed.getvalue()},
            **more,
        )["FunctionArn"]

    def machine(self, definition, **more):
        made = {"name": self.name(), "roleArn": ROLE, **more}
        return self.states.create_state_machine(definition=json.dumps(definition), **made)["stateMachineArn"]

    def start(self, definition, given=None, **more):
        """Start a machine, or one of a definition. Gives the execution's ARN."""
        machine = definition if isinstance(definition, str) else self.machine(definition)
        text = json.dumps({} if given is None else given)
        return self.states.start_execution(stateMachineArn=machine, input=text, **more)["executionArn"]

    def described(self, execution):
        told = self.states.describe_execution(executionArn=execution)
        return told | ({"output": json.loads(told["output"])} if "output" in told else {})

    def run(self, definition, given=None, **more):
        """Start and settle. Gives what DescribeExecution says, with the output parsed."""
        execution = self.start(definition, given, **more)
        self.cloud.settle()
        return self.described(execution)

    def output(self, definition, given=None):
        """The output of an execution that succeeds."""
        told = self.run(definition, given)
        assert told["status"] == "SUCCEEDED", (told.get("error"), told.get("cause"))
        return told["output"]

    def failure(self, definition, given=None):
        """The error and the cause of an execution that fails."""
        told = self.run(definition, given)
        assert told["status"] == "FAILED", told
        return told.get("error"), told.get("cause")

    def history(self, execution, **more):
        return self.states.get_execution_history(executionArn=execution, **more)["events"]

    def types(self, execution):
        return [event["type"] for event in self.history(execution)]

    def queue(self, **attributes):
        return self.client("sqs").create_queue(QueueName=self.name(), Attributes=attributes)["QueueUrl"]

    def messages(self, url):
        answer = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def now(self):
        return self.cloud.scheduler.clock.now()

    def pass_time(self, seconds):
        """Let time go by, and settle."""
        self.cloud.scheduler.after(seconds, lambda: None, "passing of time")
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
