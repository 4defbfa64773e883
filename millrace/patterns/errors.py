"""The error of invalid patterns."""


class InvalidPatternError(ValueError):
    """A pattern that EventBridge rejects with InvalidEventPatternException.

    The message begins like AWS's and names the clause, where AWS names a line and a column. `reason` is AWS's text;
    `path` is the clause ("detail.total"), or empty for the whole pattern.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(f"Event pattern is not valid. Reason: {reason}" + (f" at {path}" if path else ""))

    def at(self, path: str) -> "InvalidPatternError":
        """The same error for the clause at this path."""
        return InvalidPatternError(self.reason, path)
