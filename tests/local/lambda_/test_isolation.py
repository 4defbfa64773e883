"""Functions share neither modules nor environment with each other or with the machine."""

import io
import json
import zipfile

import pytest

SOURCE = """
import os
from shared import NAME

def handler(event, context):
    return {"name": NAME, "word": os.environ.get("WORD"), "secret": os.environ.get("MACHINE_SECRET")}
"""


@pytest.fixture
def make(empty_cloud, monkeypatch):
    """Create a function whose module `shared` contains its name."""
    monkeypatch.setenv("MACHINE_SECRET", "hunter2")
    role = empty_cloud.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def make(name):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("main.py", SOURCE)
            archive.writestr("shared.py", f"NAME = {name!r}")
        empty_cloud.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="main.handler",
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": {"WORD": name.upper()}},
        )

    yield make
    empty_cloud.reset()


def call(cloud, name):
    return json.load(cloud.client("lambda").invoke(FunctionName=name)["Payload"])


def test_functions_do_not_share_modules_of_the_same_name(empty_cloud, make):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    make("left")
    make("right")
    results = [call(empty_cloud, name) for name in ("left", "right", "left")]
    assert [(answer["name"], answer["word"]) for answer in results] == [
        ("left", "LEFT"),
        ("right", "RIGHT"),
        ("left", "LEFT"),
    ]


def test_function_does_not_see_the_environment_of_the_machine(empty_cloud, make):
    make("left")
    assert call(empty_cloud, "left")["secret"] is None
