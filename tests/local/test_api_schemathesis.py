"""Schemathesis tests of the API against its OpenAPI document."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest_plugins = ["notes_api_fixtures"]

EXAMPLES = os.environ.get("MILLRACE_API_EXAMPLES", "3")
SCOPES = "notes events:notes.post events:notes.shredder events:notes.repairs"


@pytest.fixture
def api(api_named):
    return api_named("Tokens")


@pytest.fixture
def authorization(notes_issuer):
    return f"Bearer {notes_issuer.token(scope=SCOPES, exp=time.time() + 3600)}"


@pytest.fixture
def document(api, authorization, tmp_path):
    """Return the API's document without the idempotency key, whose rule no schema can express."""
    document = json.loads(api.send("GET", "/openapi.json", authorization=authorization).body)
    document["paths"]["/commands/WriteNote"]["post"].pop("parameters")
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    return tmp_path / "openapi.json"


def test_api_conforms_to_its_document(api, authorization, document):
    """`unsupported_method` is excluded because API Gateway returns 404, not 405."""
    url = f"http://127.0.0.1:{api.cloud.port}/_aws/execute-api/{api.id}"
    program = Path(sys.executable).parent / "schemathesis"
    settings = ["--seed", "1", "--max-examples", EXAMPLES, "--generation-database", "none", "--no-color"]
    # One worker: ast.parse fails in two threads of Python 3.11.7, https://github.com/python/cpython/issues/106905.
    settings += ["--phases", "coverage,fuzzing", "--exclude-checks", "unsupported_method", "--workers", "1"]
    target = ["--url", url, "--header", f"Authorization: {authorization}"]
    command = [program, "run", document, *target, *settings]
    ran = subprocess.run(command, cwd=document.parent, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr
    assert "Tested: 6" in ran.stdout
