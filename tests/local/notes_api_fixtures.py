"""Fixtures of the tests of APIs: the notes app, deployed once per module, and its APIs."""

import json
import shutil
from pathlib import Path

import pytest
from http_kit import NOTE, HttpApi, Issuer

from millrace.local.cloudformation.synthesis import synthesise

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def notes_project(assembly, tmp_path_factory):
    """A copy of the notes app with the requirements and layers of the project."""
    root = tmp_path_factory.mktemp("notes") / "project"
    shutil.copytree(ROOT / "tests" / "notes_api", root, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.txt", root)
    shutil.copy(ROOT / "functions" / "requirements.txt", root / "functions")
    (root / ".millrace").mkdir()
    (root / ".millrace" / "layers").symlink_to(ROOT / ".millrace" / "layers")
    return root


@pytest.fixture(scope="session")
def notes_issuer():
    issuer = Issuer("notes-api")
    yield issuer
    issuer.close()


@pytest.fixture(scope="session")
def notes_assembly(notes_project, notes_issuer):
    synthesise(notes_project, notes_project / "cdk.out", {"issuer": notes_issuer.url})
    return notes_project / "cdk.out"


@pytest.fixture(scope="module")
def notes_api(empty_cloud, notes_assembly):
    """The deployed stack of the notes app."""
    yield empty_cloud.deploy(notes_assembly).stacks["App"]
    empty_cloud.reset()


@pytest.fixture(scope="module")
def api_named(empty_cloud, notes_api):
    """Return an API of the notes app: Signed, Tokens or Public."""

    def api_named(name):
        url = next(value for output, value in notes_api.outputs.items() if output.startswith(name))
        return HttpApi(empty_cloud, url.removeprefix("http://").partition(".")[0])

    return api_named


@pytest.fixture(scope="module")
def public(api_named):
    return api_named("Public")


@pytest.fixture
def write_note(public, empty_cloud):
    """Write a note by command and settle; return the body of the response."""

    def write_note(key=None, **changed):
        headers = {"idempotency_key": key} if key else {}
        response = public.send("POST", "/commands/WriteNote", {**NOTE, **changed}, **headers)
        assert response.status == 202, response.body
        empty_cloud.settle()
        return json.loads(response.body)

    return write_note


@pytest.fixture
def get(public):
    """Return the parsed response to a GET."""
    return lambda path: json.loads(public.send("GET", path).body)
