"""How far an execution has come, so that a redrive goes on from there.

https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

from dataclasses import dataclass, field
from typing import Any

from moto.stepfunctions.parser.asl.component.state.fail.state_fail import StateFail
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded


@dataclass
class Progress:
    """The state that a program is in, with its input, and how far the branches or iterations of that state are.

    `output` is of a program that has ended well; `kept` is what a redrive finds of branches and iterations.
    """

    state: str = ""
    given: Any = None
    entered_at: float | None = None
    variables: Any = None
    inner: dict[int, "Progress"] = field(default_factory=dict)
    kept: dict[int, "Progress"] = field(default_factory=dict)
    ended: bool = False
    output: Any = None
    in_map_run: bool = False
    _redriven: bool = False

    def resume(self) -> None:
        """Let the next run go on in the state that it is in, and in the branches and iterations that are not over."""
        self._redriven = bool(self.state)
        self.kept, self.inner = self.inner, {}
        for each in self.kept.values():
            if not each.ended:
                each.resume()

    def entering(self, state: Any, env: Any) -> Any:
        """Note that a program enters a state. Gives what is to be evaluated."""
        redriven, self._redriven = self._redriven, False
        if redriven and not isinstance(state, StateFail):
            return _Again(state)
        self.state, self.given, self.entered_at = state.name, env.states._states_data["input"], None
        self.inner, self.kept = {}, {}
        return state

    def entrance(self, now: float) -> float:
        """The moment at which the state was entered: now, or before a redrive."""
        if self.entered_at is None:
            self.entered_at = now
        return self.entered_at

    def begin(self, count: int) -> None:
        """Begin so many branches or iterations; after a redrive those are left out that have ended well.

        Where all have, the state itself has failed, as by States.DataLimitExceeded, and they are run again.
        """
        kept, self.kept = self.kept, {}
        over = len(kept) == count and all(each.ended for each in kept.values())
        self.inner = {} if over else kept

    def of(self, number: int) -> "Progress":
        """The progress of a branch or an iteration."""
        return self.inner.setdefault(number, Progress())

    def reflect(self, env: Any) -> None:
        """Note how a program has ended."""
        if isinstance(env._program_state, ProgramEnded):
            self.ended, self.output = True, env.states._states_data["input"]

    def runs_map(self) -> bool:
        """Whether a Map Run is under way in it."""
        return self.in_map_run or any(each.runs_map() for each in list(self.inner.values()) if not each.ended)


class _Again:
    """A state that a redriven execution is in already: it is evaluated, and not entered again."""

    def __init__(self, state: Any) -> None:
        self._state = state

    def eval(self, env: Any) -> None:
        env.event_manager = _Unheard(env)
        self._state.eval(env)


class _Unheard:
    """Takes the one event that a state is entered by, and gives its place back to the history."""

    def __init__(self, env: Any) -> None:
        self._env = env
        self._history = env.event_manager

    def add_event(self, **_event: Any) -> None:
        self._env.event_manager = self._history
