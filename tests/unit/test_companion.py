"""Companion programs are ready with their first line, get the cloud's environment, and end with it."""

import os
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


def test_a_companion_does_not_receive_ctrl_c(program):
    file = program(PROGRAM.replace('os.environ["AWS_ENDPOINT_URL"]', "str(os.getpgrp())"))
    with companion(file, {}):
        assert int(file.with_name("log").read_text()) != os.getpgrp()


def test_a_companion_that_ignores_the_signal_is_killed(program, monkeypatch):
    monkeypatch.setattr("millrace.cli.companion._STOP_SECONDS", 0.1)
    file = program(
        PROGRAM.replace("lambda *_: ended.set()", "signal.SIG_IGN").replace(
            'os.environ["AWS_ENDPOINT_URL"]', "str(os.getpid())"
        )
    )
    with companion(file, {}):
        pid = int(file.with_name("log").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
