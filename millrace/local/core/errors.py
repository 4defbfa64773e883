"""Errors that services of the local cloud share."""


class ApiError(Exception):
    """An error that an AWS API returns: its code, the message that a user reads, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class UnsupportedPolicyError(Exception):
    """Whether a call is allowed depends on something that the local cloud does not know."""


class UnknownTargetError(NotImplementedError):
    """A kind of target to which the local cloud cannot deliver."""


class UnknownAccountError(LookupError):
    """A target in an account and region in which nothing was deployed."""


class TargetError(Exception):
    """A target refuses a message: the error code as EventBridge reports it, and the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
