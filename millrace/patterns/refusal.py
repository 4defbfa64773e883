"""How a pattern is refused."""


class InvalidPatternError(ValueError):
    """A pattern that EventBridge refuses with InvalidEventPatternException.

    The text begins as AWS's does and then names the clause, where AWS gives a line and a column. `reason` holds AWS's
    words alone, `path` the clause ("detail.total", or empty for the whole pattern).
    """

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(f"Event pattern is not valid. Reason: {reason}" + (f" at {path}" if path else ""))

    def at(self, path: str) -> "InvalidPatternError":
        """The same refusal, of the clause at this path."""
        return InvalidPatternError(self.reason, path)
