"""Errors that services of the local cloud share."""


class ApiError(Exception):
    """An error of an AWS API, with code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class UnsupportedPolicyError(Exception):
    """The local cloud does not support a policy that decides whether a call is allowed."""


class UnknownTargetError(NotImplementedError):
    """The local cloud does not deliver to this kind of target."""


class UnknownAccountError(LookupError):
    """Nothing is deployed to the account and region of a target."""


class TargetError(Exception):
    """A target rejected a message. `code` is EventBridge's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
