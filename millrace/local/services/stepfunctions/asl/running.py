"""Runs moto's interpreter in the threads of the execution, on the clock, and stops it immediately."""

import copy
import datetime as dt
import functools
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state import state as state_module
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    inline_iteration_component,
    iteration_worker,
    job,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branch_worker, branches_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import timestamp, wait_function
from moto.stepfunctions.parser.asl.eval.callback import callback
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from millrace.local.core.clock import iso_millis
from millrace.local.services.stepfunctions.asl.environment import MOST_EVENTS, Env
from millrace.local.services.stepfunctions.asl.errors import Named, failure
from millrace.local.services.stepfunctions.asl.waits import (
    Interrupted,
    Pause,
    Signal,
    Threading,
    Time,
    current,
    entered,
    limit,
)

MOST_INLINE = 40
"""https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
_RUNAWAY = f"The execution reached the maximum number of history events ({MOST_EVENTS})."


def change() -> None:
    """Apply the changes to moto."""
    Program.eval = _run_here
    Program._get_state = _state_while_there_is_room(Program._get_state)
    ExecutionState._evaluate_with_timeout = _evaluate_here
    _wait_on_the_clock()
    _count_workers()


def _wait_on_the_clock() -> None:
    """Wait on the clock of the cloud. moto waits in real time and polls for the end of the execution."""
    retrier_decl.time = Time
    callback.Event = Signal
    job.threading = Threading
    branches_decl.threading = Threading
    branches_decl.BranchesDecl._eval_body = _run_branches
    wait_function.WaitFunction._wait_interval = _wait_interval
    timestamp.Timestamp._get_wait_seconds = _seconds_until
    state_module.datetime = _Datetime


def _count_workers() -> None:
    """Hold the scheduler for each branch of a Parallel and each worker of a Map."""
    _hold_while_alive(branch_worker.BranchWorker, "_thread_routine", "env")
    _hold_while_alive(iteration_worker.IterationWorker, "eval", "_env")
    iteration_worker.IterationWorker._eval_pool = _work_through_pool
    bounded = _at_most_forty(inline_iteration_component.InlineIterationComponent._eval_body)
    inline_iteration_component.InlineIterationComponent._eval_body = bounded


def _run_here(program: Any, env: Env) -> None:
    """Run a program in this thread. moto starts one more for each, and lets it run on when the time is out."""
    with env._state_mutex:
        if env.program_state() is None or env.is_running():  # it may have been stopped before it began
            env.next_state_name = env.progress.state or program.start_at.start_at_name
    if env.progress.state:
        env.states.reset(env.progress.given)
    seconds = program.timeout_seconds.timeout_seconds if program.timeout_seconds else None
    timer = None
    if seconds is not None:
        what = f"time-out of {env.run.held_as}"
        timer = env.scheduler.at(env.clock.now() + seconds, env.set_timed_out, what, flow=False)
    try:
        with entered(env):
            _until_its_end(program, env)
    finally:
        if timer:
            env.scheduler.cancel(timer)


def _until_its_end(program: Any, env: Env) -> None:
    try:
        if not env.is_running():
            raise Interrupted  # noqa: TRY301 - moto would skip it without a word in the history
        EvalComponent.eval(program, env)
        env.progress.reflect(env)
    except Interrupted:
        env.set_ended()
        program._eval_body(env)  # nothing runs anymore; this adds the last event to the history


def _state_while_there_is_room(get: Any) -> Any:
    """A machine that never ends fails when its history is full. moto's runs for ever.

    https://docs.aws.amazon.com/step-functions/latest/dg/bp-history-limit.html
    """

    def get_state(program: Any, name: str) -> Any:
        env = current()
        if getattr(env.event_manager, "is_full", False):
            raise RuntimeError(_RUNAWAY)
        return env.progress.entering(get(program, name), env)

    return get_state


def _evaluate_here(state: Any, env: Env) -> None:
    """Evaluate a state that may fail in this thread. moto starts one more for each, and joins it by wall time.

    A time-out ends a wait for a function, a token or another execution; nothing else of a task takes time.
    """
    output = _output(state, env)
    if not env.is_running():
        raise Interrupted
    env.stack.append(output)
    if not state._is_language_query_jsonpath():
        env.states.set_result(output)
    for component in (state.assign_decl, state.result_selector):
        if component:
            component.eval(env=env)
    state.result_path.eval(env)


def _output(state: Any, env: Env) -> Any:
    state.timeout.eval(env=env)
    seconds = limit(env.stack.pop(), default=state.timeout.is_default_value())
    frame = env.open_frame()
    frame.states.reset(input_value=env.states.get_input())
    frame.stack = copy.deepcopy(env.stack)
    frame.deadline = None if seconds is None else env.clock.now() + seconds
    try:
        with entered(frame):
            state._eval_execution(frame)
        return frame.stack.pop()
    except NoSuchJsonPathError as error:
        raise failure(frame, "States.Runtime", str(error)) from error
    except Exception as error:
        if not env.is_running():
            raise Interrupted from error  # moto skips what is left of an evaluation, and trips over that
        raise
    finally:
        frame.set_ended()
        env.close_frame(frame)


def _wait_interval(_wait: Any, env: Env, wait_seconds: float) -> None:
    if wait_seconds > 0:
        env.pause(Pause(), wait_seconds)


def _seconds_until(wait: Any, env: Env) -> float:
    """moto compares with the wall clock of the machine's own time zone."""
    wait.string.eval(env=env)
    text = env.stack.pop()
    try:
        moment = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise FailureEventException(wait._create_failure_event(env, text))
    return moment.timestamp() - env.clock.now()


class _Datetime:
    """What moto's states take for the module `datetime`: EnteredTime as AWS writes it, by the clock."""

    timezone = dt.timezone

    class datetime:  # noqa: N801 - stands for the standard one
        """Only now() is params."""

        @staticmethod
        def now(tz: Any = None) -> "_Moment":
            """The moment by the clock, or that before a redrive."""
            env = current()
            return _Moment(env.progress.entrance(env.clock.now()), tz)


class _Moment:
    def __init__(self, seconds: float, _zone: Any) -> None:
        self._seconds = seconds

    def isoformat(self) -> str:
        return iso_millis(self._seconds)


def _hold_while_alive(worker: Any, routine: str, env: str) -> None:
    """Hold the scheduler from the moment a worker is made, in its parent's thread, until its routine has ended."""
    make, run = worker.__init__, getattr(worker, routine)

    @functools.wraps(make)
    def __init__(it: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        make(it, *args, **kwargs)
        it.millrace_hold = getattr(it, env).run.working()

    @functools.wraps(run)
    def counted(it: Any) -> None:
        try:
            with entered(getattr(it, env)):
                run(it)
        finally:
            it.millrace_hold.release()

    worker.__init__ = __init__
    setattr(worker, routine, counted)


def _run_branches(branches: Any, env: Env) -> None:
    """Run all branches, or those that a redrive finds not over. moto's know nothing of a redrive."""
    given, programs = env.stack.pop(), branches.programs
    env.progress.begin(len(programs))
    frames = [env.open_program(number) for number in range(len(programs))]
    open_ones = [each for each in zip(programs, frames, strict=True) if not each[1].progress.ended]
    pool = branches_decl.BranchWorkerPool(workers_num=len(open_ones))
    for program, frame in open_ones:
        frame.states.reset(given)
        branch_worker.BranchWorker(branch_worker_comm=pool, program=program, env=frame).start()
    pool.wait()
    failed = pool.get_exit_event_details()
    for frame in frames:
        if failed:
            frame.set_stop(env.clock.datetime(), None, None)
        env.close_frame(frame)
    if failed:
        details = {"executionFailedEventDetails": failed}
        kind = HistoryEventType.ExecutionFailed
        raise FailureEventException(FailureEvent(env, Named(failed.get("error")), kind, details))
    env.stack.append([frame.progress.output for frame in frames])


def _work_through_pool(worker: Any, job: Any, worker_frame: Any) -> None:
    """Do one job after the other. moto recurses, and fails at some nine hundred items."""
    pool, env = worker._job_pool, worker._env
    while job is not None:
        frame = worker_frame.open_program(job.job_index)
        if frame.progress.ended:
            job.job_output = frame.progress.output
        else:
            worker._eval_job(env=frame, job=job)
        worker_frame.close_frame(frame)
        failed = isinstance(job.job_output, Exception) or worker.stopped()
        following = None if failed else pool.next_job()
        if following is None:
            if not failed:
                history = worker_frame.event_history_context
                history.source_event_id = frame.event_history_context.last_published_event_id
            env.close_frame(worker_frame)  # before the pool hears of it: its Map state goes on then
            pool.close_job(job)
            return
        pool.close_job(job)
        job = following
    env.close_frame(worker_frame)


def _at_most_forty(evaluate: Any) -> Any:
    """moto starts as many threads as MaxConcurrency says, or as there are items."""

    def bounded(component: Any, env: Env) -> None:
        given = env.stack[-1]
        env.progress.begin(len(given.input_items))
        given.max_concurrency = min(given.max_concurrency or MOST_INLINE, MOST_INLINE, len(given.input_items) or 1)
        if given.input_items:
            evaluate(component, env)
        else:
            env.stack[-1] = []

    return bounded
