"""A debugged function stops at a breakpoint for as long as its developer thinks."""

import threading
from queue import SimpleQueue

import pytest
from debug_kit import PACKAGES, DebugClient, free_port
from shared_shop import cloud, put, restored  # noqa: F401 fixtures
from worker_fixtures import function_spec, own_bench, worker_cache  # noqa: F401 fixtures
from worker_kit import Bench

from millrace.cli.debug import debugging
from millrace.cli.project import ASSEMBLY, Project
from millrace.local.core.clock import Clock
from millrace.local.workers import Debugging, Developer

WAIT = 20


@pytest.fixture
def debugged(cloud, function_named, pytestconfig, monkeypatch):
    """Let award_points, with a timeout of a second, wait for a debugger; gives a function that attaches one."""
    waiting, port = SimpleQueue(), free_port()
    project = Project(pytestconfig.rootpath, ASSEMBLY)
    chosen = Debugging("award_points", port, str(project.root), PACKAGES, lambda: waiting.put("it waits"))
    update, name = cloud.client("lambda").update_function_configuration, function_named("award_points")
    update(FunctionName=name, Timeout=1)
    clock = cloud.scheduler.clock
    monkeypatch.setattr(cloud.region.workers, "developer", Developer(chosen, clock=clock))

    def attach():
        assert waiting.get(timeout=WAIT)
        return DebugClient(port, project.root / "functions" / "award_points" / "handler.py", 17)

    yield attach
    monkeypatch.undo()
    update(FunctionName=name, Timeout=30)


def test_a_function_stops_longer_than_its_timeout_and_the_flow_completes(cloud, put, debugged):
    order = put("order_completed")
    client = debugged()
    file, line, variables = client.stopped()
    stopped_at = cloud.scheduler.clock.now()
    threading.Event().wait(1.5)
    assert (file.endswith("functions/award_points/handler.py"), line, "order" in variables) == (True, 17, True)
    assert cloud.scheduler.clock.now() == stopped_at
    client.go_on()
    cloud.settle()
    assert {"PointsAwarded", "TierUpgraded"} <= set(cloud.trace(order).names())
    assert [len(work.attempts) for work in cloud.trace(order).works() if work.name == "award_points"] == [1]


def test_a_clock_goes_on_from_where_it_stood():
    clock = Clock()
    clock.stop()
    clock.stop()
    stood = clock.now()
    clock.go_on()
    assert clock.now() == stood
    clock.go_on()
    assert stood <= clock.now() < stood + 1


def test_a_function_that_does_not_exist_cannot_be_debugged(pytestconfig, assembly, capsys, monkeypatch):
    from millrace.cli.debug import check_function
    from millrace.operations import UsageError

    with pytest.raises(UsageError, match=r"--debug award_point: no function has this name. .* award_points"):
        check_function(Project(pytestconfig.rootpath, ASSEMBLY), "award_point")


def test_debugpy_is_found_or_its_extra_is_named(pytestconfig, monkeypatch):
    project = Project(pytestconfig.rootpath, ASSEMBLY)
    assert debugging(project, "award_points", 1).packages == PACKAGES
    monkeypatch.setattr("millrace.cli.debug.find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError) as raised:
        debugging(project, "award_points", 1)
    assert raised.value.name == "debugpy"


PAUSED = """
def handler(number, context):
    breakpoint()
    return number + 1
"""


def test_breakpoint_stops_at_the_terminal_longer_than_the_timeout(worker_cache, function_spec):
    shown, lines, clock = [], ["p number * 2\n", "number = 41\n", "c\n"], Clock()

    def read_line(prompt):
        shown.append(prompt)
        threading.Event().wait(0.5)
        assert clock.stands_still
        return lines.pop(0)

    bench = Bench(worker_cache, developer=Developer(read_line=read_line, clock=clock))
    assert bench.answer(function_spec(PAUSED, timeout=1.0), 3) == 42
    bench.close()
    assert (shown[0].startswith("> "), "return number + 1" in shown[0], shown[1].splitlines()[0]) == (True, True, "6")
    assert not clock.stands_still


def test_breakpoint_without_a_terminal_is_skipped_and_logged(own_bench, function_spec):
    outcome = own_bench.call(function_spec(PAUSED), 3)
    assert (outcome.payload, outcome.log[0][:24]) == (b"4", "breakpoint() is skipped:")
