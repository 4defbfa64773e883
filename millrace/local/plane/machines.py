"""Step Functions, on moto's interpreter of the Amazon States Language."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from millrace.local.journal import Reference, reference

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane


class Machines:
    """Starts executions, and knows which are under way."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane

    def start(self, arn: str, text: str, *, name: str | None = None) -> Any:
        """Start an execution. Raises LookupError if there is no such machine."""
        if arn not in {machine.arn for machine in self._plane.state.stepfunctions.state_machines}:
            raise LookupError(f"State Machine Does Not Exist: '{arn}'")
        return self._plane.state.stepfunctions.start_execution(
            state_machine_arn=arn, name=name or str(uuid.uuid4()), execution_input=text
        )

    def started(self, execution: Any) -> None:
        """Hold the agenda for an execution that is about to begin, and remember it."""
        execution.millrace_release = self._plane.agenda.hold(held_as(execution.exec_arn))
        self._remember(execution, "RUNNING")

    def ended(self, execution: Any) -> None:
        """Let go of an execution that has ended."""
        self._remember(execution, execution.status)
        execution.millrace_release()

    def sleep(self, execution_arn: str, seconds: float, woken: threading.Event) -> None:
        """Wait on the clock of the local cloud, in the interpreter's own thread, or until `woken` is set."""
        if seconds <= 0:
            return
        item = self._plane.agenda.after(seconds, woken.set, f"wait of {held_as(execution_arn)}")
        with self.waiting(execution_arn):
            woken.wait()
        self._plane.agenda.cancel(item)

    @contextmanager
    def waiting(self, execution_arn: str) -> Iterator[None]:
        """Say that one thread of an execution waits for something else meanwhile."""
        resume = self._plane.agenda.suspend(held_as(execution_arn))
        try:
            yield
        finally:
            resume()

    def working(self, execution_arn: str) -> Callable[[], None]:
        """Say that one more thread of an execution works, until the function it gives is called."""
        return self._plane.agenda.hold(held_as(execution_arn))

    def _remember(self, execution: Any, status: str) -> None:
        about = _started_by(execution)
        if about:
            failed = status != "RUNNING" and execution.error
            more: dict[str, Any] = {"error": f"{execution.error}: {execution.cause}"} if failed else {}
            name = display_name(execution.state_machine)
            self._plane.agenda.soon(
                lambda: self._plane.journal.add(
                    "execution", about, name, execution=execution.execution_arn, status=status, **more
                ),
                "journal",
            )


def held_as(execution_arn: str) -> str:
    """What the agenda calls an execution."""
    return f"execution {execution_arn.split(':', 6)[-1]}"


def display_name(machine: Any) -> str:
    """The name that a person knows a state machine by: the comment of its definition, or its own."""
    return str(json.loads(machine.definition).get("Comment") or machine.name)


def _started_by(execution: Any) -> Reference | None:
    """The event that started an execution: its input, or the first of its flow."""
    try:
        given = json.loads(execution.execution_input)
    except ValueError:
        return None  # an input that is no JSON is about no event
    if isinstance(given, dict) and given.get("events"):
        return reference(given["events"][0])
    return reference(given)
