"""Choice states.

https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
"""

from typing import Any

from moto.stepfunctions.parser.asl.component.state.choice.choice_rule import ChoiceRule
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice

from millrace.local.services.stepfunctions.asl.environment import Env
from millrace.local.services.stepfunctions.asl.errors import failure

_NO_CHOICE = "Failed to transition out of the state. The state does not point to a next state."


def change() -> None:
    """Apply the changes to moto."""
    ChoiceRule._eval_body = _eval_rule
    StateChoice._eval_state = _eval_state
    StateChoice._eval_state_output = _eval_output


def _eval_rule(rule: Any, env: Env) -> None:
    """moto lets the paths of a rule's Assign begin at whether the rule holds."""
    rule.comparison.eval(env)
    holds = env.stack.pop()
    if holds:
        for component in (rule.assign, rule.output):
            if component:
                component.eval(env=env)
    env.stack.append(holds)


def _eval_state(state: Any, env: Env) -> None:
    """moto's error for no match is none that a machine can name."""
    for rule in state.choices_decl.rules:
        rule.eval(env)
        if env.stack.pop() is True:
            env.stack.append((rule.next_stmt.name, False))
            return
    if state.default_state is None:
        raise failure(env, "States.NoChoiceMatched", _NO_CHOICE)
    env.stack.append((state.default_state.state_name, True))


def _eval_output(state: Any, env: Env) -> None:
    """moto takes a rule that leads where Default does for Default."""
    following, by_default = env.stack.pop()
    for component in (state.assign_decl, state.output) if by_default else ():
        if component:
            component.eval(env=env)
    if state._is_language_query_jsonpath():
        state.output_path.eval(env=env)
    env.next_state_name = following
