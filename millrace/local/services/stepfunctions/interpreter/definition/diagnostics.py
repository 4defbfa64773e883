"""What is wrong with a definition.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnostic:
    """One finding. `location` is a JSON pointer such as /States/Charge/Next."""

    code: str
    message: str
    location: str | None = None
    severity: str = "ERROR"

    def __str__(self) -> str:
        """Return the finding as CreateStateMachine writes it."""
        is_located = self.location is None or self.message.endswith(self.location)
        return f"{self.code}: {self.message}" + ("" if is_located else f" at {self.location}")


class InvalidDefinitionError(ValueError):
    """A definition that Step Functions does not accept. The text is that of the error InvalidDefinition."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(f"Invalid State Machine Definition: '{', '.join(map(str, self.diagnostics))}'")
