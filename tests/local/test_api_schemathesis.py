"""The API held against its own OpenAPI document, by Schemathesis."""

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
    """The API's own document, without the one parameter whose rule no schema can say: a key is for one command."""
    document = json.loads(api.ask("GET", "/openapi.json", authorization=authorization).body)
    document["paths"]["/commands/WriteNote"]["post"].pop("parameters")
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    return tmp_path / "openapi.json"


def test_the_api_keeps_what_its_document_says(api, authorization, document):
    """API Gateway answers 404, and not 405, to a method that no route has: Schemathesis need not look for that."""
    url = f"http://127.0.0.1:{api.cloud.port}/_aws/execute-api/{api.id}"
    program = Path(sys.executable).parent / "schemathesis"
    settings = ["--seed", "1", "--max-examples", EXAMPLES, "--generation-database", "none", "--no-color"]
    settings += ["--phases", "coverage,fuzzing", "--exclude-checks", "unsupported_method", "--workers", "2"]
    told = ["--url", url, "--header", f"Authorization: {authorization}"]
    command = [program, "run", document, *told, *settings]
    ran = subprocess.run(command, cwd=document.parent, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr
    assert "Tested: 6" in ran.stdout
