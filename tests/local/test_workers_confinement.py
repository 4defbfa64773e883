"""What a function cannot reach of the machine that runs it."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from worker_kit import Bench

from millrace.local.workers import Confinement
from millrace.local.workers.bytecode import cache_bytecode
from millrace.local.workers.inside import confinement
from millrace.local.workers.inside.worker import FreshLoader

pytest_plugins = ["worker_fixtures"]

SOURCE = """
import botocore, os, subprocess, sys

def outcome(action, *arguments):
    try:
        action(*arguments)
    except OSError as error:
        return type(error).__name__
    return "done"

def read(path):
    with open(path, "rb") as file:
        file.read(1)

def write(path):
    with open(path, "a"):
        pass

def look_into(pid):
    with open(f"/proc/{pid}/maps") as maps:
        start = int(maps.readline().partition("-")[0], 16)
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(start)
        memory.read(1)

def handler(event, context):
    if event is None:
        return os.getpid()
    tried = {name: outcome(read, path) for name, path in event["read"].items()}
    tried |= {name: outcome(write, path) for name, path in event["write"].items()}
    tried["write own code"] = outcome(write, __file__)
    tried["write bytecode"] = outcome(os.mkdir, os.path.join(os.path.dirname(__file__), "__pycache__"))
    tried["write a package"] = outcome(write, botocore.__file__)
    for name, pid in event["pids"].items():
        tried[f"environment of {name}"] = outcome(read, f"/proc/{pid}/environ")
        tried[f"memory of {name}"] = outcome(look_into, pid)
        tried[f"signal to {name}"] = outcome(os.kill, pid, 0)
    return tried

def ordinary(event, context):
    def scratch(path):
        with open(path, "w") as file:
            file.write("x")
        os.rename(path, os.path.join(os.environ["HOME"], "renamed"))
        return os.listdir(os.environ["HOME"])

    output = subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True).stdout
    read("/etc/hosts"), read("/proc/self/status"), write("/dev/null")
    return [scratch("/tmp/x"), output.decode(), os.environ["HOME"] == os.path.expanduser("~"), outcome(read, __file__)]
"""
CONFINED = not confinement.missing()


@pytest.fixture
def function(function_spec):
    return function_spec


@pytest.fixture(scope="module")
def strict_bench(worker_cache):
    """Workers that share no folder with the test."""
    bench = Bench(worker_cache, confinement=Confinement())
    yield bench
    bench.close()


@pytest.fixture
def tried(strict_bench, function, tmp_path):
    """The result of each attempt of a function to access resources of others."""
    credentials = tmp_path / ".aws" / "credentials"
    credentials.parent.mkdir()
    credentials.write_text("[default]\naws_secret_access_key = hunter2\n")
    other = function(SOURCE, "other")
    pids = {"another function": strict_bench.answer(other), "the local cloud": os.getpid()}
    reads = {"read credentials": str(credentials), "read another function": str(other.code / "app.py")}
    reads["read passwords"] = "/etc/shadow"
    writes = {"write elsewhere": str(tmp_path / "new"), "write another function": str(other.code / "app.py")}
    found = strict_bench.answer(function(SOURCE), {"read": reads, "write": writes, "pids": pids})
    if not (tmp_path / "new").exists():
        del found["write elsewhere"]  # it was in a /tmp of its own
    return found


@pytest.mark.skipif(not CONFINED, reason=confinement.missing())
def test_a_function_reads_and_writes_nothing_but_its_own(tried):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-security.html

    Differs: as far as Linux confines it: Landlock since 5.13, its own /tmp where it may mount; nothing on macOS.
    """
    assert {name for name, outcome in tried.items() if outcome == "done"} == set()


@pytest.mark.skipif(CONFINED, reason="this machine confines functions")
def test_without_landlock_a_function_may_what_the_developer_may(tried):
    assert tried["read credentials"] == "done"


def test_a_function_does_what_it_may_on_lambda(strict_bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html"""
    listed, output, at_home, own = strict_bench.answer(function(SOURCE, handler="app.ordinary"))
    assert ("renamed" in listed, output, at_home, own) == (True, "1\n", True, "done")


def test_a_function_reads_and_writes_what_it_shares_with_the_test(bench, function, tmp_path):
    (tmp_path / "f").write_text("x")
    found = bench.answer(function(SOURCE), {"read": {"r": str(tmp_path / "f")}, "write": {}, "pids": {}})
    assert found["r"] == "done"


def confined(monkeypatch, home, action, *, version=None):
    """What an action returns in a process of its own that is confined without a mount; 0 stands for no Landlock."""
    monkeypatch.setattr(confinement, "_mount_tmp", lambda *_: False)
    if version is not None:
        monkeypatch.setattr(confinement, "landlock_version", lambda: version)
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        confinement.confine([sys.prefix], str(home), [])
        os.write(into, json.dumps(action()).encode())
        signal.pause() if action is os.getpid else os._exit(0)
    return pid, json.loads(os.read(out, 65_536))


def _touched(name):
    try:
        Path(name).touch()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not CONFINED, reason=confinement.missing())
def test_where_nothing_can_be_mounted_functions_share_the_machines_tmp(monkeypatch, tmp_path):
    """https://docs.kernel.org/userspace-api/landlock.html"""
    mine, shared, others = str(tmp_path / "x"), f"/tmp/millrace-{os.getpid()}", str(Path.cwd() / "millrace-x")
    try:
        pid, written = confined(
            monkeypatch, tmp_path, lambda: [name for name in (mine, shared, others) if _touched(name)]
        )
        os.waitpid(pid, 0)
        assert written == [mine, shared]
    finally:
        Path(shared).unlink(missing_ok=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines functions")
@pytest.mark.parametrize("version", [None, 0])
def test_a_function_reads_no_memory_of_another_with_and_without_landlock(monkeypatch, tmp_path, version):
    """https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html"""
    other, _ = confined(monkeypatch, tmp_path, os.getpid, version=version)
    try:
        pid, readable = confined(monkeypatch, tmp_path, lambda: _readable(f"/proc/{other}/mem"), version=version)
        os.waitpid(pid, 0)
    finally:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)
    assert not readable


def _readable(path):
    try:
        Path(path).open("rb").close()
    except OSError:
        return False
    return True


def test_bytecode_is_written_for_a_function_by_the_local_cloud_alone(tmp_path, monkeypatch):
    code, package_view, elsewhere = (tmp_path / name for name in ("code", "mirror", "elsewhere"))
    for folder in (code, package_view, elsewhere):
        folder.mkdir()
        (folder / "m.py").write_text("x = 1")
    files = [str(code / "m.py"), str(package_view / "m.py"), str(elsewhere / "m.py"), f"{code}/../elsewhere/m.py"]
    cache_bytecode([*files, str(code / "gone.py")], code, package_view)
    assert sorted(path.parts[-3] for path in tmp_path.rglob("*.pyc")) == ["code", "mirror"]
    monkeypatch.setattr(FreshLoader, "source_to_code", lambda *_: pytest.fail("compiled again"))
    assert FreshLoader("m", files[0]).get_code("m").co_filename == files[0]
