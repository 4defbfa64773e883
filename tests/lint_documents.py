"""The IAM policies and state machines of a template, with references resolved, for parliament and asl-validator."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from millrace.local.cloudformation.intrinsics import PseudoParameters, Resolver
from millrace.local.cloudformation.template import Template

ACCOUNT, REGION = "123456789012", "eu-central-1"
ARNS = {
    "AWS::ApiGatewayV2::Api": "arn:aws:execute-api:{where}:{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{where}:table/{name}",
    "AWS::DynamoDB::GlobalTable": "arn:aws:dynamodb:{where}:table/{name}",
    "AWS::Events::EventBus": "arn:aws:events:{where}:event-bus/{name}",
    "AWS::Events::Rule": "arn:aws:events:{where}:rule/shop/{name}",
    "AWS::IAM::Role": "arn:aws:iam::123456789012:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{where}:key/00000000-0000-0000-0000-000000000000",
    "AWS::Kinesis::Stream": "arn:aws:kinesis:{where}:stream/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{where}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{where}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{where}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{where}:{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{where}:stateMachine:{name}",
}
"""The ARN of a resource, by its type. A type that is missing here raises KeyError."""
ACKNOWLEDGED = {
    "dynamodb:ListStreams": "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/iam-policy-read-stream-only.html",
    "kinesis:ListStreams": "CDK's Stream.grant_read names the stream, and its consumers' actions, too.",
    "states:DescribeExecution": "https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html",
    "states:SendTaskSuccess": "CDK's StateMachine.grant_task_response names the state machine, too.",
}
"""Actions for which parliament's data requires another resource, and why the one of the policy is right."""
REF_IS_ARN = {"AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}


class Invented:
    """Values of resources that are not deployed: names and ARNs in AWS's format. Implements `ResourceValues`."""

    def __init__(self, template: Template):
        self._template = template

    def ref(self, logical_id):
        kind = self._template.resources[logical_id].type
        return self._arn(kind, logical_id) if kind in REF_IS_ARN else logical_id.lower()

    def attribute(self, logical_id, attribute):
        kind = self._template.resources[logical_id].type
        if not attribute.endswith("Arn"):
            return logical_id.lower()
        arn = self._arn(kind, logical_id)
        return f"{arn}/stream/2026-01-01" if attribute == "StreamArn" else arn

    def import_value(self, export):
        raise KeyError(export)

    def stack_output(self, stack, name):
        """Return the value of another stack's template, which is next to this one."""
        template = read(self._template.folder / f"{stack}.template.json")
        return resolver(template).resolve(template.outputs[name]["Value"], name)

    @staticmethod
    def _arn(kind, logical_id):
        return ARNS[kind].format(where=f"{REGION}:{ACCOUNT}", name=logical_id.lower())


def read(file: Path) -> Template:
    template = Template(json.loads(file.read_text()))
    template.folder = file.parent
    return template


def resolver(template: Template) -> Resolver:
    defaults = {name: name.lower() for name in template.body.get("Parameters", {})}
    return Resolver(template, PseudoParameters(ACCOUNT, REGION, "Shop"), Invented(template), defaults)


def policies(file: Path) -> Iterator[tuple[str, dict]]:
    """Yield each identity policy of a template with its logical id."""
    template = read(file)
    for name, each in template.resources.items():
        properties = dict(each.properties)
        inline = [part["PolicyDocument"] for part in properties.get("Policies", ())]
        if each.type in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            inline.append(properties["PolicyDocument"])
        for document in inline if each.type.startswith("AWS::IAM::") else ():
            yield name, resolver(template).resolve(document, name)


def machines(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the definition of each state machine of a template with its logical id."""
    template = read(file)
    for name, each in template.resources.items():
        if each.type == "AWS::StepFunctions::StateMachine":
            yield name, resolver(template).resolve(each.properties["DefinitionString"], name)


def parliament(file: Path, program: str) -> tuple[list[str], int]:
    """Return the findings of parliament in the policies of a template, and the number of acknowledged ones."""
    found = list(_findings(file, program))
    acknowledged = [each for each in found if any(f"'{action}'" in each for action in ACKNOWLEDGED)]
    return [each for each in found if each not in acknowledged], len(acknowledged)


def _findings(file: Path, program: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, policy) in enumerate(policies(file)):
            Path(folder, f"{name}-{number}.json").write_text(json.dumps(policy))
        command = [program, "--json", "--directory", folder]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.stderr or ran.returncode not in (0, 1):
        raise SystemExit(f"parliament ended with {ran.returncode} for {file}: {ran.stderr}")
    for line in ran.stdout.splitlines():
        finding = json.loads(line)
        yield f"{finding['issue']} {Path(finding['location']['filepath']).stem}: {finding['detail']}"


def asl_validator(file: Path, program: str) -> list[str]:
    """Return the findings of asl-validator in the state machines of a template."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, definition in machines(file):
            path = Path(folder) / f"{name}.json"
            path.write_text(definition)
            command = [Path(sys.executable).parent / "node", program, "--json-path", path]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            found += [f"{name}: {line}" for line in (ran.stdout + ran.stderr).splitlines()] if ran.returncode else []
    return found
