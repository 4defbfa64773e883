"""Functions in worker processes, forked and spawned."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from worker_kit import BASE, Bench

from millrace.local.workers import LayerMismatchError, WorkersClosedError
from millrace.local.workers.package_view import make_package_view

pytest_plugins = ["worker_fixtures"]


@pytest.fixture
def function(function_spec):
    return function_spec


def alive(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def layer(folder, files):
    for name, text in files.items():
        path = folder / "python" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def record(name, version, *files):
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    return {
        f"{info}/METADATA": metadata,
        f"{info}/RECORD": "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD")),
    }


# -- answers and errors ----------------------------------------------------------------------------------------------


def test_an_event_goes_in_and_an_answer_comes_out(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html"""
    spec = function("def handler(event, context): return {'got': event}")
    first, second = bench.call(spec, {"a": "ü"}), bench.call(spec, 2)
    assert (first.status, json.loads(first.payload)) == ("ok", {"got": {"a": "ü"}})
    assert first.init_ms is not None
    assert (second.init_ms, second.log_stream) == (None, first.log_stream)


def test_an_answer_larger_than_a_socket_holds_arrives_whole(bench, function):
    big = "x" * 3_000_000
    assert bench.answer(function("def handler(event, context): return event * 2"), big) == big * 2


def test_decimals_answer_as_numbers_and_bytes_as_text(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html"""
    spec = function("from decimal import Decimal\ndef handler(e, c): return [Decimal('1.10'), b'text']")
    assert bench.call(spec).payload == b'[1.10, "text"]'


def test_what_a_handler_raises_answers_as_aws_words_it(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""
    spec = function("def inner():\n    raise ValueError('no stock')\ndef handler(event, context):\n    inner()\n")
    outcome = bench.call(spec)
    trace = ['  File "/var/task/app.py", line 4, in handler\n    inner()\n']
    trace += ["  File \"/var/task/app.py\", line 2, in inner\n    raise ValueError('no stock')\n"]
    error = {"errorMessage": "no stock", "errorType": "ValueError", "requestId": "r-1", "stackTrace": trace}
    assert (outcome.status, json.loads(outcome.payload)) == ("error", error)
    head = "[ERROR] ValueError: no stock\nTraceback (most recent call last):\n\u00a0\u00a0File"
    assert outcome.log[-1].startswith(f'{head} "{spec.code / "app.py"}"')


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("import requests", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'requests'"),
        ("import moto", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'moto'"),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("raise KeyError('SETTING')", "KeyError", "'SETTING'"),
        (
            "def handler(e, c): return {1, 2}",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON serializable",
        ),
    ],
)
def test_what_the_runtime_refuses_has_the_name_that_aws_gives_it(bench, function, source, kind, message):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""
    outcome = bench.call(function(source))
    error = json.loads(outcome.payload)
    assert (outcome.status, error["errorType"], error["errorMessage"]) == ("error", kind, message)


def test_a_function_that_failed_to_load_is_loaded_afresh_the_next_time(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    assert bench.call(function("import missing_module")).status == "error"
    assert bench.answer(function("def handler(event, context): return 'fixed'")) == "fixed"


# -- endings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["while True: pass", "import time; print('before'); time.sleep(600)"])
def test_a_timeout_kills_the_worker(bench, function, body):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"""
    spec = function(f"def handler(event, context):\n    {body}", timeout=0.2)
    outcome = bench.call(spec)
    message = "RequestId: r-1 Error: Task timed out after 0.20 seconds"
    assert json.loads(outcome.payload) == {"errorType": "Sandbox.Timedout", "errorMessage": message}
    assert (outcome.status, outcome.duration_ms) == ("timeout", 200)
    assert outcome.log[-1].endswith("Z r-1 Task timed out after 0.20 seconds")


def test_what_was_printed_before_a_timeout_is_kept(bench, function):
    source = "import os\ndef handler(event, context):\n    print('partly', end='')\n    while True: pass"
    assert bench.call(function(source, timeout=0.2)).log[0].startswith("partly")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(4)", "Runtime exited with error: exit status 4"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
    ],
)
def test_a_process_that_ends_is_an_exit_error(bench, function, body, reason):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    outcome = bench.call(function(f"import os, signal, sys\ndef handler(event, context): {body}"))
    error = {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: r-1 Error: {reason}"}
    assert (outcome.status, json.loads(outcome.payload)) == ("exit", error)


def test_after_an_exit_a_new_worker_answers(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    spec = function("import os\ndef handler(event, context): return event or os._exit(1)")
    assert [bench.call(spec, event).status for event in (0, 1, 0, 1)] == ["exit", "ok", "exit", "ok"]


def test_a_timeout_ends_what_the_handler_has_started(bench, function, gate):
    reader = os.open(gate, os.O_RDONLY | os.O_NONBLOCK)
    source = "import subprocess\ndef handler(path, context): subprocess.run(['sleep', '600'], stdout=open(path, 'w'))"
    bench.call(function(source, timeout=0.3), gate)
    assert select.select([reader], [], [], 10)[0]
    assert os.read(reader, 1) == b""
    os.close(reader)


# -- isolation -------------------------------------------------------------------------------------------------------


def test_functions_share_neither_modules_nor_environment(bench, function):
    source = "import os, names\ndef handler(event, context): return [names.NAME, os.environ.get('ONLY')]"
    one, two = function(source, "one", environment={"ONLY": "one"}), function(source, "two")
    (one.code / "names.py").write_text("NAME = 'first'")
    (two.code / "names.py").write_text("NAME = 'second'")
    assert [bench.answer(spec) for spec in (one, two, one)] == [["first", "one"], ["second", None], ["first", "one"]]


def test_the_environment_is_what_lambda_gives_and_nothing_of_the_machine(bench, function, monkeypatch):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "1")
    spec = function("import os\ndef handler(event, context): return dict(os.environ)", environment={"TABLE": "t"})
    seen = bench.answer(spec)
    assert not {"SECRET_OF_THE_MACHINE", "VIRTUAL_ENV", "USER"} & seen.keys()
    expected = {"TABLE": "t", "AWS_REGION": "eu-west-1", "_HANDLER": "app.handler", "TZ": ":UTC", **BASE}
    expected |= {"AWS_LAMBDA_FUNCTION_NAME": spec.name, "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group}
    expected |= {"LAMBDA_TASK_ROOT": str(spec.code), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256"}
    assert expected.items() <= seen.items()


def test_a_function_runs_in_its_folder_with_a_scratch_of_as_root(bench, function):
    source = "import os, tempfile\ndef handler(event, context):\n    there = os.listdir(tempfile.gettempdir())\n"
    source += "    open(os.path.join(tempfile.gettempdir(), event), 'w').close()\n    return [os.getcwd(), there]"
    one, two = function(source, "one"), function(source, "two")
    (here, _), (_, seen), (_, again) = bench.answer(one, "a"), bench.answer(two, "b"), bench.answer(one, "c")
    assert here == str(one.code)
    assert ("a" in seen, "a" in again) == (False, True)


def test_a_module_of_the_function_hides_one_of_the_runtime(bench, function):
    spec = function("import six\ndef handler(event, context): return six.OWN")
    (spec.code / "six.py").write_text("OWN = 'mine'")
    assert bench.answer(spec) == "mine"


def test_forked_workers_draw_different_random_numbers(bench, function):
    source = "import random\ndef handler(event, context): return random.random()"
    assert bench.answer(function(source, "one")) != bench.answer(function(source, "two"))


def test_a_handler_string_names_a_module_in_a_folder(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html"""
    spec = function("def handler(event, context): return __name__", handler="functions.award_points.handler")
    assert bench.answer(spec) == "functions.award_points"
    assert bench.answer(replace(spec, handler="functions/award_points.handler")) == "functions.award_points"


def test_the_context_tells_of_the_invocation(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""
    fields = ["aws_request_id", "function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb"]
    fields += ["log_group_name", "client_context"]
    source = f"def handler(event, context): return [getattr(context, f) for f in {fields}]"
    spec = function(source)
    assert bench.answer(spec) == ["r-1", spec.name, "$LATEST", spec.arn, "256", spec.log_group, None]


def test_the_context_counts_down_to_the_timeout(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""
    spec = function("def handler(event, context): return context.get_remaining_time_in_millis()", timeout=7)
    assert 6000 < bench.answer(spec) <= 7000


# -- logs ------------------------------------------------------------------------------------------------------------


def test_a_function_sees_the_time_to_which_its_cloud_has_leapt(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""
    spec = function(
        "import datetime, time\n"
        "def handler(event, context):\n"
        "    left = context.get_remaining_time_in_millis()\n"
        "    return [time.time(), datetime.datetime.now(datetime.UTC).timestamp(), time.monotonic(), left]\n"
    )
    before = bench.answer(spec)
    after = bench.answer(spec, ahead=3600.0)
    assert [3600 <= late - early < 3605 for early, late in zip(before[:2], after, strict=False)] == [True, True]
    assert after[2] - before[2] < 5
    assert 0 < after[3] <= 10_000


def test_all_that_is_written_becomes_log_events_of_its_invocation(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""
    source = "import os, sys\ndef handler(event, context):\n    print(event)\n    print('err', file=sys.stderr)\n"
    spec = function(source + "    os.system('echo from a program')\n    sys.stdout.write('no end')")
    assert bench.call(spec, "one").log == ("one", "err", "from a program", "no end")
    assert bench.call(spec, "two").log == ("two", "err", "from a program", "no end")


def test_the_root_logger_writes_as_on_aws(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""
    spec = function("import logging\ndef handler(event, context): logging.warning('low\\nstock')")
    level, stamp, request_id, message = bench.call(spec).log[0].split("\t")
    assert (level, request_id, message) == ("[WARNING]", "r-1", "low\nstock")
    assert stamp.endswith("Z")


def test_the_json_log_format_is_that_of_aws(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html"""
    settings = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    source = "import logging\ndef handler(event, context): logging.info('stock %s', 3, extra={'sku': 'a'})"
    line = json.loads(bench.call(function(source, environment=settings)).log[0])
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "INFO", "message": "stock 3", "logger": "root", "requestId": "r-1", "sku": "a"}


# -- the pool --------------------------------------------------------------------------------------------------------


def test_one_worker_serves_call_after_call_and_more_serve_calls_at_once(bench, function, gate):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""
    waits = "import os\ndef handler(path, context):\n    if path: open(path).read()\n    return os.getpid()"
    writes = "def handler(path, context): open(path, 'w').close()"
    spec, opener = function(waits), function(writes, "opener")
    assert bench.answer(spec) == bench.answer(spec)
    outcomes = bench.wait(bench.begin(spec, gate), bench.begin(spec), bench.begin(opener, gate, urgent=True))
    assert outcomes[0].payload != outcomes[1].payload


def test_past_the_limit_invocations_wait_their_turn(own_bench, function):
    spec = function("import os\ndef handler(event, context): return [event, os.getpid()]")
    answers = [json.loads(outcome.payload) for outcome in own_bench.wait(*(own_bench.begin(spec, n) for n in range(5)))]
    assert [event for event, _ in answers] == [0, 1, 2, 3, 4]
    assert len({pid for _, pid in answers}) == 1


def test_a_backlog_of_one_function_does_not_delay_another(own_bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""
    specs = {name: function("def handler(event, context): return event", name) for name in ("busy", "other")}
    outcomes, ended = [], []
    for name in ["busy"] * 5 + ["other"] * 2:
        outcomes.append(own_bench.begin(specs[name]))
        outcomes[-1].add_done_callback(lambda _, name=name: ended.append(name))
    own_bench.wait(*outcomes)
    assert ended == ["busy", "busy", "other", "busy", "other", "busy", "busy"]


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux counts this")
def test_a_function_that_only_waits_leaves_its_worker_to_another(own_bench, function, gate):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""
    waits = function("def handler(path, context): return open(path).read()", "waits")
    opens = function("def handler(path, context):\n    with open(path, 'w') as gate: gate.write('open')", "opens")
    outcome, _ = own_bench.wait(own_bench.begin(waits, gate), own_bench.begin(opens, gate))
    assert outcome.payload == b'"open"'


def test_an_urgent_invocation_goes_past_the_limit(own_bench, function, gate):
    outer = function("def handler(path, context): return open(path).read()", "outer")
    inner = function("def handler(path, context):\n    with open(path, 'w') as gate: gate.write('inner')", "inner")
    outcome, _ = own_bench.wait(own_bench.begin(outer, gate), own_bench.begin(inner, gate, urgent=True))
    assert outcome.payload == b'"inner"'


def test_a_failing_listener_harms_no_other_invocation(own_bench, function):
    spec = function("def handler(event, context): return event")
    own_bench.workers.invoke(spec, b"1", "r-0", lambda _: 1 / 0)
    assert own_bench.answer(spec, 2) == 2
    assert isinstance(own_bench.reports.pop(), ZeroDivisionError)


def test_after_retiring_new_code_runs(bench, function):
    source = "def handler(event, context): return {}"
    spec = function(source.format(1))
    assert bench.answer(spec) == 1
    function(source.format(2))
    assert bench.answer(spec) == 1
    bench.workers.retire(spec.name)
    assert bench.answer(spec) == 2


def test_a_busy_worker_finishes_before_it_retires(bench, function, gate):
    source = "import os\ndef handler(path, context):\n    if path: open(path).read()\n    return os.getpid()"
    spec, opener = function(source), function("def handler(path, context): open(path, 'w').close()", "opener")
    before = bench.answer(spec)
    running = bench.begin(spec, gate)
    bench.workers.retire(spec.name)
    outcome, _ = bench.wait(running, bench.begin(opener, gate, urgent=True))
    assert json.loads(outcome.payload) == before
    assert bench.answer(spec) != before


def test_a_changed_setting_gets_a_new_worker(bench, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    spec = function("import os\ndef handler(event, context): return os.environ['STAGE']", environment={"STAGE": "one"})
    assert bench.answer(spec) == "one"
    assert bench.answer(replace(spec, environment={"STAGE": "two"})) == "two"


def test_idle_workers_are_bounded(own_bench, function, monkeypatch):
    monkeypatch.setattr("millrace.local.workers.pool.IDLE_WORKERS", 2)
    specs = [function("import os\ndef handler(e, c): return os.getpid()", f"f{n}") for n in range(3)]
    first, *_ = [own_bench.answer(spec) for spec in specs]
    assert len(own_bench.workers._idle) == 2
    assert own_bench.answer(specs[0]) != first


def test_an_idle_worker_that_is_the_only_one_of_its_function_outlives_surplus_workers(own_bench, function, monkeypatch):
    monkeypatch.setattr("millrace.local.workers.pool.IDLE_WORKERS", 2)
    alone, busy = (function("import os\ndef handler(e, c): return os.getpid()", name) for name in ("alone", "busy"))
    first = own_bench.answer(alone)
    own_bench.wait(own_bench.begin(busy), own_bench.begin(busy, urgent=True))
    assert own_bench.answer(alone) == first


def test_when_the_zygote_dies_nothing_is_lost_and_another_takes_over(own_bench, function, gate):
    source = "import os\ndef handler(path, c):\n    path and open(path, 'w').write(str(os.getppid()))\n"
    spec = function(source + "    while path: pass")
    running = own_bench.begin(spec, gate)
    zygote = own_bench.wait(own_bench.loop.run_in_executor(None, Path(gate).read_text))[0]
    os.kill(int(zygote), signal.SIGKILL)
    assert own_bench.wait(running)[0].status == "exit"
    assert own_bench.call(spec).status == "ok"


# -- nothing stays behind --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_close_ends_idle_and_busy_workers_and_their_zygote(worker_cache, function, gate, start):
    bench = Bench(worker_cache, start)
    idle = bench.answer(function("import os\ndef handler(e, c): return [os.getpid(), os.getppid()]", "idle"))
    source = "import os\ndef handler(path, c):\n    open(path, 'w').write(str(os.getpid()))\n    while True: pass"
    running = bench.begin(function(source, "busy"), gate)
    with_pid = bench.wait(bench.loop.run_in_executor(None, Path(gate).read_text))
    bench.close()
    assert not any(alive(pid) for pid in (*idle, int(with_pid[0])))
    assert json.loads(running.result().payload)["errorType"] == "Runtime.ExitError"


def test_close_answers_for_what_still_waited(own_bench, function):
    spec = function("def handler(event, context): return event")
    outcomes = [own_bench.begin(spec, number) for number in range(3)]
    own_bench.workers.close()
    assert [outcome.result().status for outcome in outcomes] == ["exit"] * 3
    with pytest.raises(WorkersClosedError, match="after the workers were closed"):
        own_bench.begin(spec)


PARENT = """
import asyncio, sys
from pathlib import Path
from millrace.local.workers import Confinement, FunctionSpec, Workers

async def main(start, code, cache):
    known = {"start": start, "cache": Path(cache), "limit": 4, "confinement": Confinement((str(Path(cache).parent),))}
    workers = Workers(asyncio.get_running_loop(), environment={}, **known)
    for name in ("idle", "busy"):
        spec = FunctionSpec(name, "", "1", f"app.{name}", Path(code), (), {}, 60, 128, "group")
        workers.invoke(spec, b"null", name, print)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_parent_that_is_killed_leaves_no_process(worker_cache, function, gate, start):
    source = f"import os\ndef report():\n    with open({gate!r}, 'w') as gate:\n"
    source += "        gate.write(f'{os.getpid()} ')\n"
    source += "def idle(event, context): report()\ndef busy(event, context):\n    report()\n    while True: pass\n"
    code = function(source).code
    parent = subprocess.Popen([sys.executable, "-c", PARENT, start, code, worker_cache], stdout=subprocess.PIPE)
    pids = set()
    while len(pids) < 2:
        pids |= {int(pid) for pid in Path(gate).read_text().split()}
    parent.send_signal(signal.SIGKILL)
    parent.communicate(timeout=20)  # its output ends with the zygote, which ends once it has reaped its workers
    assert not any(alive(pid) for pid in pids)


# -- layers ----------------------------------------------------------------------------------------------------------


def test_a_pure_package_is_the_copy_in_the_layer(bench, function, tmp_path):
    """https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html"""
    files = {"tool/__init__.py": "WHERE = 'layer'", **record("tool", "1.0", "tool/__init__.py")}
    source = "import tool, importlib.metadata as m\ndef handler(e, c): return [tool.WHERE, m.version('tool')]"
    spec = function(source, layers=(layer(tmp_path / "layer", files),))
    assert bench.answer(spec) == ["layer", "1.0"]


def test_native_code_comes_from_here_in_the_same_version(bench, function, tmp_path):
    import pydantic_core

    files = {"pydantic_core/__init__.py": "built for another processor", "typing_extensions.py": "from typing import *"}
    files |= {"pydantic_core/_core.cpython-313-aarch64-linux-gnu.so": ""}
    files |= record("pydantic_core", pydantic_core.__version__, *files)
    layers = (layer(tmp_path / "layer", files),)
    mirrored = make_package_view(layers, tmp_path)
    assert (mirrored / "pydantic_core").resolve() == Path(pydantic_core.__file__).parent
    assert (mirrored / "typing_extensions.py").resolve().is_relative_to(tmp_path)


def test_native_code_in_another_version_is_refused_with_the_fix(own_bench, function, tmp_path):
    files = {"pydantic_core/_core.so": "", **record("pydantic_core", "0.1", "pydantic_core/_core.so")}
    layers = (layer(tmp_path / "layer", files),)
    with pytest.raises(LayerMismatchError, match=r"pydantic_core 0\.1, .* 2\..* is installed\. Install it: pip"):
        own_bench.workers.warm(layers)
    outcome = own_bench.call(function("def handler(e, c): return 1", layers=layers))
    assert json.loads(outcome.payload)["errorType"] == "Millrace.LayerMismatch"


def test_native_module_at_the_top_of_a_layer_is_the_one_from_here(tmp_path):
    import _duckdb
    import duckdb

    there = "_duckdb.cpython-313-riscv64-linux-gnu.so"
    files = {there: "", **record("duckdb", duckdb.__version__, there)}
    view = make_package_view((layer(tmp_path / "layer", files),), tmp_path)
    assert (view / Path(_duckdb.__file__).name).resolve() == Path(_duckdb.__file__)
    assert not (view / there).exists()


def test_native_code_of_no_package_is_refused(tmp_path):
    with pytest.raises(LayerMismatchError, match=r"lone: .*\.dist-info"):
        make_package_view((layer(tmp_path / "layer", {"lone/fast.so": ""}),), tmp_path)


def test_the_sdk_of_the_runtime_is_there_and_sees_no_credentials_of_the_machine(bench, function):
    source = "import boto3\ndef handler(e, c):\n    session = boto3.Session()\n"
    source += "    return [session.client('events').meta.endpoint_url, session.get_credentials().access_key]"
    assert bench.answer(function(source)) == ["http://127.0.0.1:1", "test"]
