"""What the tests of the synthesised stack share: the template, read by what resources are, never by logical ids."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from millrace.local.synthesis import synthesise

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
# jsii starts node with what stands here when aws_cdk is first imported.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
os.environ |= {"CDK_VALIDATION": "false", "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1"}
INPUTS = ("functions", "infra", "app.py", "cdk.json", "requirements.txt")


class Template:
    """A synthesised stack, with the questions that tests ask of it."""

    def __init__(self, assembly):
        self.assembly = assembly
        self.body = json.loads(next(assembly.glob("*.template.json")).read_text())
        self.resources = self.body["Resources"]

    def of(self, kind):
        """The properties of every resource of a type, by logical id."""
        return {name: r["Properties"] for name, r in self.resources.items() if r["Type"] == f"AWS::{kind}"}

    def facts(self):
        """What each function's metadata says, by logical id."""
        of_functions = (item for item in self.resources.items() if item[1]["Type"] == "AWS::Lambda::Function")
        return {name: resource["Metadata"]["millrace"] for name, resource in of_functions}

    def function(self, name):
        """The logical id of a function, by its folder."""
        return next(logical_id for logical_id, facts in self.facts().items() if facts["function"] == name)

    def statements(self, function):
        """The statements of a function's own role."""
        role = self.resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]
        policies = [p for p in self.of("IAM::Policy").values() if p["Roles"] == [{"Ref": role}]]
        return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]

    def asset(self, code):
        """The folder that holds the code of a function or a layer."""
        return self.assembly / f"asset.{code['S3Key'].removesuffix('.zip')}"

    def assets(self):
        """The asset of each function, by its folder."""
        return {
            facts["function"]: self.resources[name]["Properties"]["Code"]["S3Key"]
            for name, facts in self.facts().items()
        }

    def rules(self):
        """The properties of the rules that somebody subscribed with."""
        of_nobody = [r["Properties"] for r in self.resources.values() if "undeclared" in str(r.get("Metadata"))]
        return [rule for rule in self.of("Events::Rule").values() if rule not in of_nobody]

    def targets(self, to):
        """The rule targets that lead to a resource."""
        arn = {"Fn::GetAtt": [to, "Arn"]}
        return [
            target for rule in self.of("Events::Rule").values() for target in rule["Targets"] if target["Arn"] == arn
        ]

    def source(self, function):
        """The ARN of what a function's one event source mapping reads."""
        (mapping,) = [
            m for m in self.of("Lambda::EventSourceMapping").values() if m["FunctionName"] == {"Ref": function}
        ]
        return mapping["EventSourceArn"]

    def machine(self):
        """The definition of the one state machine."""
        (machine,) = self.of("StepFunctions::StateMachine").values()
        parts = machine["DefinitionString"]["Fn::Join"][1]
        return json.loads("".join(part if isinstance(part, str) else next(iter(part.values()))[0] for part in parts))


@pytest.fixture(scope="session")
def template(assembly):
    """The stack of the shop."""
    return Template(assembly)


@pytest.fixture(scope="session")
def keyed():
    """The same under a key of its own."""
    out = ROOT / ".millrace" / "cdk.keyed.out"
    synthesise(ROOT, out, {"encryption-key": "own"})
    return Template(out)


@pytest.fixture(scope="session")
def copied(assembly, tmp_path_factory):
    """A copy of the project, with the caches of the real one."""
    root = tmp_path_factory.mktemp("project")
    for name in INPUTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    shutil.copytree(ROOT / ".millrace" / "layers", root / ".millrace" / "layers", copy_function=shutil.copyfile)
    return root


@pytest.fixture
def app(copied, tmp_path, monkeypatch):
    """An app of CDK in this process, run in the copied project."""
    from aws_cdk import App

    monkeypatch.chdir(copied)
    context = json.loads((copied / "cdk.json").read_text())["context"] | {"millrace:check": "no"}
    return App(outdir=str(tmp_path / "cdk.out"), context=context, analytics_reporting=False)


@pytest.fixture
def stack(app):
    """An empty stack of that app."""
    from aws_cdk import Stack

    return Stack(app, "Test")


@pytest.fixture
def bus(stack):
    """A bus in that stack."""
    from millrace.constructs import Bus

    return Bus(stack, "Bus", name="test")


@pytest.fixture
def synthesised(app):
    """The one stack of that app, as it is deployed."""
    return lambda: Template(Path(app.synth().directory))
