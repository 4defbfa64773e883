"""Runs executions in process, with a fake clock and fake services."""

import json
import random
from itertools import zip_longest

from millrace.local.core.clock import Clock
from millrace.local.core.scheduler import Scheduler
from millrace.local.services.stepfunctions.interpreter import (
    Activities,
    Environment,
    Execution,
    Identity,
    Observer,
    Pending,
    StateError,
    TaskTokens,
)
from millrace.local.services.stepfunctions.interpreter.definition import parse

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:a"
ROLE = "arn:aws:iam::123456789012:role/r"


def chain(**states):
    """Return a definition with these states in sequence. A state keeps its own Next or End."""
    for name, following in zip_longest(states, list(states)[1:]):
        state = states[name]
        if state["Type"] not in {"Choice", "Fail", "Succeed"} and not {"Next", "End"} & state.keys():
            state |= {"Next": following} if following else {"End": True}
    return {"StartAt": next(iter(states)), "States": states}


def jsonata(**states):
    return {"QueryLanguage": "JSONata", **chain(**states)}


def task(resource=FUNCTION, **more):
    resource = resource if resource.count(":") > 4 else f"arn:aws:states:::{resource}"
    return {"Type": "Task", "Resource": resource, **more}


class FakeClock(Clock):
    """A clock that stands still until time is skipped."""

    def __init__(self):
        super().__init__()
        self.skipped_time = 1_700_000_000.0

    def now(self):
        return self.skipped_time


class FakeServices:
    """Answers calls from `answers`, by action or ARN: a value, an error, or a function of the call."""

    def __init__(self):
        self.answers, self.calls, self.jobs = {}, [], []

    def call(self, call):
        self.calls.append(call)
        answer = self.answers.get(call.resource.action or call.resource.arn, call.parameters)
        result = answer(call) if callable(answer) else answer
        if isinstance(result, Pending):
            return result
        pending = Pending()
        if isinstance(result, Exception):
            pending.fail(result)
        else:
            pending.succeed(result)
        return pending

    def complete(self, call, response):
        self.jobs.append(Pending(cancel=lambda: self.jobs.append("stopped")))
        return self.jobs[0]


class Engine:
    """Starts executions, and runs what is due."""

    def __init__(self, seed=1):
        self.clock = FakeClock()
        self.scheduler = Scheduler(self.clock)
        self.services, self.tokens, self.activities = FakeServices(), TaskTokens(), Activities()
        randomness = random.Random(seed)
        self.environment = Environment(self.scheduler, self.services, self.tokens, self.activities, randomness)
        self.ended = []

    def begin(self, definition, given=None, **more):
        """Start an execution and run it as far as it comes without time."""
        more = {"express": False, **more}
        name = f"n{len(self.ended)}"
        identity = Identity(MACHINE.replace("stateMachine", "execution") + f":{name}", name, MACHINE, "m", ROLE, **more)
        observer = Observer()
        observer.ended = self.ended.append
        machine = parse(json.dumps(definition))
        execution = Execution(machine, identity, json.dumps(given), self.environment, observer)
        execution.start()
        self.run()
        return execution

    def run(self):
        """Run what is due now."""
        while self.scheduler.run_due(1000) == 0:
            pass

    def advance(self, seconds):
        """Let time pass, action by action."""
        end = self.clock.now() + seconds
        while (idle := self.scheduler.run_due(1000)) is not None and self.clock.now() + idle <= end:
            self.clock.skipped_time += idle
        self.clock.skipped_time = end
        self.run()

    def settle(self):
        """Let time pass until only waits remain that nothing but a request ends."""
        self.run()
        while self.scheduler.under_way() != "nothing":
            self.clock.skipped_time += self.scheduler.run_due(1000) or 0
        self.run()

    def ran(self, definition, given=None, **more):
        """Run an execution to its end."""
        execution = self.begin(definition, given, **more)
        self.settle()
        return execution

    def output(self, definition, given=None):
        """Return the output of an execution that succeeds."""
        execution = self.ran(definition, given)
        assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
        return json.loads(execution.output)

    def failure(self, definition, given=None):
        """Return the error and the cause of an execution that fails."""
        execution = self.ran(definition, given)
        assert execution.status == "FAILED", execution.output
        return execution.error, execution.cause


def types(execution):
    return [event["type"] for event in execution.history.events]


def failing(error, cause=None):
    return StateError(error, cause)
