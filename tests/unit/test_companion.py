"""Companion programs are ready with their first line, get the cloud's environment, and end with it."""

import re

import pytest

from millrace.cli.companion import companion
from millrace.operations import UsageError

PROGRAM = """
import os, pathlib, signal, sys, threading
log = pathlib.Path(sys.argv[0]).with_name("log")
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
log.write_text(os.environ["AWS_ENDPOINT_URL"])
print("ready", flush=True)
ended.wait()
log.write_text("ended")
"""


@pytest.fixture
def program(tmp_path):
    def program(source):
        (tmp_path / "carrier.py").write_text(source)
        return tmp_path / "carrier.py"

    return program


def usage_error(message):
    return pytest.raises(UsageError, match=re.escape(message))


def test_a_companion_gets_the_environment_of_the_cloud_and_ends_with_it(program):
    file = program(PROGRAM)
    with companion(file, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}):
        assert file.with_name("log").read_text() == "http://127.0.0.1:1"
    assert file.with_name("log").read_text() == "ended"


def test_a_companion_that_ends_before_it_is_ready_is_a_usage_error(program):
    with usage_error("it ended with status 3 before it was ready"), companion(program("raise SystemExit(3)"), {}):
        pass


def test_a_missing_companion_is_a_usage_error(tmp_path):
    with usage_error("there is no such program"), companion(tmp_path / "missing.py", {}):
        pass
