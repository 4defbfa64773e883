"""Fixtures: the synthesized template, whose resources tests find by type and properties, not by logical ids."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from millrace.local.synthesis import synthesise

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
# jsii reads these variables when aws_cdk is first imported.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
os.environ |= {"CDK_VALIDATION": "false", "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1"}
INPUTS = ("functions", "infra", "app.py", "cdk.json", "requirements.txt")


class Template:
    """A synthesized stack with queries for tests."""

    def __init__(self, assembly):
        self.assembly = assembly
        self.body = json.loads(next(assembly.glob("*.template.json")).read_text())
        self.resources = self.body["Resources"]

    def of(self, kind):
        """Return the properties of every resource of a type by logical id."""
        return {name: r["Properties"] for name, r in self.resources.items() if r["Type"] == f"AWS::{kind}"}

    def metadata(self):
        """Return the metadata of every function by logical id."""
        functions = (item for item in self.resources.items() if item[1]["Type"] == "AWS::Lambda::Function")
        return {name: resource["Metadata"]["millrace"] for name, resource in functions}

    def function(self, name):
        """Return the logical id of a function by its name."""
        return next(logical_id for logical_id, known in self.metadata().items() if known["function"] == name)

    def statements(self, function):
        """Return the policy statements of a function's role."""
        role = self.resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]
        policies = [p for p in self.of("IAM::Policy").values() if p["Roles"] == [{"Ref": role}]]
        return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]

    def asset(self, code):
        """Return the asset folder of a function or a layer."""
        return self.assembly / f"asset.{code['S3Key'].removesuffix('.zip')}"

    def assets(self):
        """Return the asset of each function by its name."""
        return {
            known["function"]: self.resources[name]["Properties"]["Code"]["S3Key"]
            for name, known in self.metadata().items()
        }

    def rules(self):
        """Return the rules of subscribers, without those for undeclared events."""
        undeclared = self.undeclared_rules()
        return [rule for rule in self.of("Events::Rule").values() if rule not in undeclared]

    def undeclared_rules(self):
        """Return the rules that match undeclared events."""
        return [r["Properties"] for r in self.resources.values() if "undeclared" in str(r.get("Metadata"))]

    def targets(self, to):
        """Return the rule targets that refer to a resource."""
        arn = {"Fn::GetAtt": [to, "Arn"]}
        return [
            target for rule in self.of("Events::Rule").values() for target in rule["Targets"] if target["Arn"] == arn
        ]

    def source(self, function):
        """Return the ARN of a function's only event source."""
        (mapping,) = [
            m for m in self.of("Lambda::EventSourceMapping").values() if m["FunctionName"] == {"Ref": function}
        ]
        return mapping["EventSourceArn"]

    def machine(self):
        """Return the definition of the only state machine."""
        (machine,) = self.of("StepFunctions::StateMachine").values()
        parts = machine["DefinitionString"]["Fn::Join"][1]
        return json.loads("".join(part if isinstance(part, str) else next(iter(part.values()))[0] for part in parts))


@pytest.fixture(scope="session")
def template(assembly):
    """The stack of the shop."""
    return Template(assembly)


@pytest.fixture(scope="session")
def keyed():
    """The stack of the shop with a customer managed key."""
    out = ROOT / ".millrace" / "cdk.keyed.out"
    synthesise(ROOT, out, {"encryption-key": "create"})
    return Template(out)


@pytest.fixture(scope="session")
def copied(assembly, tmp_path_factory):
    """A copy of the project and its layer cache."""
    root = tmp_path_factory.mktemp("project")
    for name in INPUTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    shutil.copytree(ROOT / ".millrace" / "layers", root / ".millrace" / "layers", copy_function=shutil.copyfile)
    return root


@pytest.fixture
def app(copied, tmp_path, monkeypatch):
    """A CDK app in this process, in the copied project."""
    from aws_cdk import App

    monkeypatch.chdir(copied)
    context = json.loads((copied / "cdk.json").read_text())["context"] | {"millrace:check": "no"}
    return App(outdir=str(tmp_path / "cdk.out"), context=context, analytics_reporting=False)


@pytest.fixture
def stack(app):
    """An empty stack of the app."""
    from aws_cdk import Stack

    return Stack(app, "Test")


@pytest.fixture
def bus(stack):
    """A bus in the stack."""
    from millrace.constructs import Bus

    return Bus(stack, "Bus", name="test")


@pytest.fixture
def table(stack):
    """A table in the stack."""
    from aws_cdk import aws_dynamodb as dynamodb

    key = dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING)
    return dynamodb.Table(stack, "Table", partition_key=key)


@pytest.fixture
def synthesised(app):
    """Synthesize the app and return its only stack."""
    return lambda: Template(Path(app.synth().directory))
