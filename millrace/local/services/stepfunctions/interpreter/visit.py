"""One visit of a branch to a state: what its expressions see, and how its result becomes its output.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from millrace.local.services.stepfunctions.interpreter.definition import (
    Catcher,
    Field,
    PassState,
    State,
    WorkState,
)
from millrace.local.services.stepfunctions.interpreter.errors import QUERY_ERROR, StateError, data_limit_exceeded
from millrace.local.services.stepfunctions.interpreter.expressions import (
    MISSING,
    Data,
    EvaluationError,
    evaluate,
    evaluate_integer,
    select,
    write,
)
from millrace.local.services.stepfunctions.interpreter.history import NOT_TRUNCATED, compact, is_too_large

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.interpreter.branch import Branch


class Visit:
    """A state that is being run. `next` is the name of the state that follows; None at the end of the branch."""

    def __init__(self, branch: "Branch", state: State) -> None:
        self.branch = branch
        self.state = state
        self.input = branch.input
        self.next = state.next
        self.assigned: Mapping[str, Any] = {}

    def data(
        self,
        root: Any,
        *,
        result: Any = MISSING,
        error_output: Any = MISSING,
        context: Mapping[str, Any] | None = None,
    ) -> Data:
        """Return what expressions see. `root` is `$` of JSONPath; JSONata always sees the input of the state."""
        return Data(
            input=self.input if self.state.is_jsonata else root,
            context=self.branch.context if context is None else context,
            variables=self.branch.variables,
            ambient=self.branch.execution.ambient,
            result=result,
            error_output=error_output,
        )

    def evaluate(self, field: Field, data: Data) -> Any:
        """Return the value of a field. Raises StateError."""
        return self.attempt(lambda: evaluate(field, data))

    def attempt(self, evaluation: Callable[[], Any]) -> Any:
        """Return the value of an evaluation, and record its failure. Raises StateError."""
        try:
            return evaluation()
        except EvaluationError as error:
            raise self.evaluation_failed(error.error, error.cause, error.field) from error

    def evaluation_failed(self, error: str, cause: str, field: str) -> StateError:
        """Return the error of a field. JSONata's are recorded as EvaluationFailed."""
        if error == QUERY_ERROR:
            details = {"error": error, "cause": cause, "location": field, "state": self.state.name}
            self.branch.write("EvaluationFailed", "evaluationFailedEventDetails", **details)
        return StateError(error, cause)

    def integer(self, field: Field | None) -> int | None:
        """Return the value of a field that must be an integer from 0 on; None without the field. Raises StateError."""
        if field is None:
            return None
        value: int = self.attempt(lambda: evaluate_integer(field, self.data(self.effective_input)))
        return value

    @property
    def effective_input(self) -> Any:
        """The input after InputPath."""
        if self.state.is_jsonata or self.state.input_path == "$":
            return self.input
        return self.attempt(lambda: select(self.state.input_path, self.data(self.input)))

    def arguments(self, field: Field | None) -> Any:
        """Return Arguments or Parameters, or the input without them."""
        value = self.effective_input
        self.inspect("afterInputPath", value)
        if field is not None:
            value = self.evaluate(field, self.data(value))
        self.inspect("afterArguments" if self.state.is_jsonata else "afterParameters", value)
        return value

    def finish(self, result: Any, rule: Any = None) -> Any:
        """Return the output for a result. `rule` is the rule of a Choice state, which has its own Assign and Output."""
        fields = rule or self.state
        data = self.data(result, result=result)
        self.inspect("result", result)
        if fields.assign:
            self.assigned = self.evaluate(fields.assign, data)
        if self.state.is_jsonata:
            output = self.evaluate(fields.output, data) if fields.output else result
        else:
            output = self._filtered(result)
        return self._fitting(output)

    def caught(self, catcher: Catcher, error: StateError) -> Any:
        """Return the output for an error that is caught."""
        self.next = catcher.next
        data = self.data(error.output, result=error.output, error_output=error.output)
        if catcher.assign:
            self.assigned = self.evaluate(catcher.assign, data)
        if self.state.is_jsonata:
            output = self.evaluate(catcher.output, data) if catcher.output else error.output
        else:
            output = self.attempt(lambda: write(catcher.result_path, self.input, error.output))
        return self._fitting(output)

    def _filtered(self, result: Any) -> Any:
        """Apply ResultSelector, ResultPath and OutputPath."""
        state = self.state
        if isinstance(state, WorkState) and state.result_selector:
            result = self.evaluate(state.result_selector, self.data(result))
            self.inspect("afterResultSelector", result)
        if isinstance(state, WorkState | PassState):
            path, value = state.result_path, result
            result = self.attempt(lambda: write(path, self.input, value))
            self.inspect("afterResultPath", result)
        if state.output_path == "$":
            return result
        return self.attempt(lambda: select(state.output_path, self.data(result)))

    def _fitting(self, output: Any) -> Any:
        if is_too_large(compact(output)):
            raise data_limit_exceeded(self.state.name)
        return output

    def exit(self, output: Any) -> None:
        """Set the variables, and record the end of the state."""
        details: dict[str, Any] = {}
        if self.assigned:
            self.branch.variables.update(self.assigned)
            texts = {name: compact(value) for name, value in self.assigned.items()}
            details = {"assignedVariables": texts, "assignedVariablesDetails": NOT_TRUNCATED}
        self.branch.write(
            f"{self.state.type}StateExited",
            "stateExitedEventDetails",
            name=self.state.name,
            output=compact(output),
            outputDetails=NOT_TRUNCATED,
            **details,
        )

    def inspect(self, name: str, value: Any) -> None:
        """Store a value for TestState."""
        probe = self.branch.execution.probe
        if probe is not None:
            probe.inspection[name] = compact(value)
