"""A moto server in its own process, without the local cloud's services."""

import contextlib
import functools
import json
import os
import random
import socket
import subprocess
import sys
import urllib.request

import boto3
import pytest

from millrace.local.cloudformation.deployer import Deployer

ACCOUNT, REGION = "123456789012", "us-east-1"
SERVE = """
import os, sys
from moto.server import ThreadedMotoServer
ThreadedMotoServer("127.0.0.1", int(os.environ["MOTO_PORT"]), verbose=False).start()
print("ready", flush=True)
sys.stdin.read()
"""


class Bare:
    """The endpoint, its clients, and the names of the calls that they made."""

    def __init__(self, url):
        self.url = url
        self.calls = []
        session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name=REGION)
        self._client = functools.partial(session.client, endpoint_url=url)
        self.client = functools.cache(self._observed)

    def _observed(self, service):
        client = self._client(service)
        client.meta.events.register("before-call", lambda model, **_: self.calls.append(model.name))
        return client

    def reset(self):
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"))
        self.calls.clear()

    def deployer(self, cache, seed=1, **more):
        return Deployer(self.client, (ACCOUNT, REGION), assets=cache, random=random.Random(seed), **more)


@contextlib.contextmanager
def served(*, managed_policies=False):
    """Run moto at a free port. Loading AWS's managed policies takes a second at each reset, so it is optional."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "MOTO_PORT": str(port),
        "MOTO_IAM_LOAD_MANAGED_POLICIES": str(managed_policies).lower(),
        "MOTO_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
    }
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        env={**os.environ, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert server.stdout.readline() == b"ready\n"
        yield Bare(f"http://127.0.0.1:{port}")
    finally:
        server.stdin.close()
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def moto_server():
    with served() as bare:
        yield bare


@pytest.fixture
def bare(moto_server):
    """An empty cloud."""
    moto_server.reset()
    return moto_server


@pytest.fixture
def write_assembly(tmp_path):
    """Write an assembly with stacks of these resources. `sections`, `dependencies` and `environments` are by stack."""

    def write_assembly(sections=None, dependencies=None, files=None, environments=None, **stacks):
        folder = tmp_path / "cdk.out"
        folder.mkdir(exist_ok=True)
        artifacts = {}
        for name, resources in stacks.items():
            template = {"Resources": resources, **(sections or {}).get(name, {})}
            (folder / f"{name}.template.json").write_text(json.dumps(template))
            (folder / f"{name}.assets.json").write_text(json.dumps({"files": files or {}}))
            artifacts[f"{name}.assets"] = {"type": "cdk:asset-manifest", "properties": {"file": f"{name}.assets.json"}}
            artifacts[name] = {
                "type": "aws:cloudformation:stack",
                "properties": {"templateFile": f"{name}.template.json"},
                "environment": (environments or {}).get(name, "aws://unknown-account/unknown-region"),
                "dependencies": [f"{name}.assets", *(dependencies or {}).get(name, [])],
                "metadata": {
                    f"/{name}/{each}/Resource": [{"type": "aws:cdk:logicalId", "data": each}] for each in resources
                },
            }
        (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
        return folder

    return write_assembly
