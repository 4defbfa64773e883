"""Choice states."""

from millrace.local.services.stepfunctions.interpreter.definition.states import ChoiceRule, ChoiceState
from millrace.local.services.stepfunctions.interpreter.expressions.data import Data


def choose(state: ChoiceState, data: Data) -> ChoiceRule:
    """Return the first rule that applies, or Default. Raises States.NoChoiceMatched."""
    raise NotImplementedError
