"""Results that arrive later. Everything here runs on the scheduler's thread."""

from collections.abc import Callable
from typing import Any

Listener = Callable[["Pending"], None]


class Pending:
    """One result that arrives later: a value or an error. The first one counts."""

    def __init__(self, cancel: Callable[[], object] = lambda: None) -> None:
        self._cancel = cancel
        self._listener: Listener | None = None
        self.done = False
        self.value: Any = None
        self.error: Exception | None = None

    def succeed(self, value: Any = None) -> None:
        """Set the value."""
        self._finish(value, None)

    def fail(self, error: Exception) -> None:
        """Set the error."""
        self._finish(None, error)

    def then(self, listener: Listener) -> None:
        """Call a listener with this object, now if it is done."""
        self._listener = listener
        if self.done:
            listener(self)

    def cancel(self) -> None:
        """Stop waiting: release what produces the result, and notify no listener."""
        self._listener = None
        if not self.done:
            self.done = True
            self._cancel()

    def _finish(self, value: Any, error: Exception | None) -> None:
        if not self.done:
            self.done, self.value, self.error = True, value, error
            if self._listener:
                self._listener(self)


def succeeded(value: Any = None) -> Pending:
    """Return a result that is there."""
    pending = Pending()
    pending.succeed(value)
    return pending


def failed(error: Exception) -> Pending:
    """Return an error that is there."""
    pending = Pending()
    pending.fail(error)
    return pending
