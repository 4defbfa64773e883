"""Programs beside a local cloud: ready with their first line, told of the cloud, and ended with it."""

import re

import pytest

from millrace.cli.beside import played
from millrace.cli.project import WrongUse

PLAYS = """
import os, pathlib, signal, sys, threading
told = pathlib.Path(sys.argv[0]).with_name("told")
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
told.write_text(os.environ["AWS_ENDPOINT_URL"])
print("ready", flush=True)
ended.wait()
told.write_text("ended")
"""


@pytest.fixture
def program(tmp_path):
    def program(source):
        (tmp_path / "carrier.py").write_text(source)
        return tmp_path / "carrier.py"

    return program


def refuses(told):
    return pytest.raises(WrongUse, match=re.escape(told))


def test_a_program_is_told_of_the_cloud_and_ended_with_it(program):
    file = program(PLAYS)
    with played(file, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}):
        assert file.with_name("told").read_text() == "http://127.0.0.1:1"
    assert file.with_name("told").read_text() == "ended"


def test_a_program_that_does_not_get_ready_is_told_of(program):
    with refuses("it ended with status 3 before it said that it is ready"), played(program("raise SystemExit(3)"), {}):
        pass


def test_a_program_that_is_not_there_is_wrong_use(tmp_path):
    with refuses("there is no such program"), played(tmp_path / "nobody.py", {}):
        pass
