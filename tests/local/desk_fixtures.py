"""What the tests of the API share: the desk, deployed once for a module, and its APIs by name."""

import json
import shutil
from pathlib import Path

import pytest
from http_kit import NOTE, HttpApi, Issuer

from millrace.local.cloudformation.synthesis import synthesise

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def desk_project(assembly, tmp_path_factory):
    """A copy of the desk, with the pins and the layers of the real project."""
    root = tmp_path_factory.mktemp("desk") / "project"
    shutil.copytree(ROOT / "tests" / "desk", root, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.txt", root)
    shutil.copy(ROOT / "functions" / "requirements.txt", root / "functions")
    (root / ".millrace").mkdir()
    (root / ".millrace" / "layers").symlink_to(ROOT / ".millrace" / "layers")
    return root


@pytest.fixture(scope="session")
def desk_issuer():
    issuer = Issuer("desk")
    yield issuer
    issuer.close()


@pytest.fixture(scope="session")
def desk_assembly(desk_project, desk_issuer):
    synthesise(desk_project, desk_project / "cdk.out", {"issuer": desk_issuer.url})
    return desk_project / "cdk.out"


@pytest.fixture(scope="module")
def desk(empty_cloud, desk_assembly):
    """The deployed stack."""
    yield empty_cloud.deploy(desk_assembly).stacks["Desk"]
    empty_cloud.reset()


@pytest.fixture(scope="module")
def api_named(empty_cloud, desk):
    """An API of the desk: Signed, Tokens or Public."""

    def api_named(name):
        url = next(value for output, value in desk.outputs.items() if output.startswith(name))
        return HttpApi(empty_cloud, url.removeprefix("http://").partition(".")[0])

    return api_named


@pytest.fixture(scope="module")
def public(api_named):
    return api_named("Public")


@pytest.fixture
def write(public, empty_cloud):
    """Write a note by command, and wait until it is kept; gives the answer's body."""

    def write(key=None, **changed):
        headers = {"idempotency_key": key} if key else {}
        answer = public.ask("POST", "/commands/WriteNote", {**NOTE, **changed}, **headers)
        assert answer.status == 202, answer.body
        empty_cloud.settle()
        return json.loads(answer.body)

    return write


@pytest.fixture
def get(public):
    """The parsed answer to a GET."""
    return lambda path: json.loads(public.ask("GET", path).body)
