"""How the plane refuses a call of an AWS API."""


class Refused(Exception):
    """A call that AWS answers with an error: its code, and the text that a user reads."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
