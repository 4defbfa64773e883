"""Random parameters for the operations of the local cloud's services: `make fuzz`.

botocore's models give the operations and the shapes of their parameters, hypothesis the values. A call fails if the
local cloud answers with an internal failure or a Python error, or does not answer.
"""

import argparse
import sys
from collections import Counter

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

SERVICES = (
    *("events", "sqs", "sns", "lambda", "kinesis", "logs", "stepfunctions", "scheduler", "pipes"),
    *("apigateway", "apigatewayv2"),
)
HOME = "us-east-1:123456789012"
NAMES = [
    "a",
    "q",
    "default",
    "$LATEST",
    "",
    "{}",
    "[]",
    '{"a": ["b"]}',
    "rate(5 minutes)",
    "http://localhost/123456789012/q",
    f"arn:aws:sqs:{HOME}:q",
    f"arn:aws:lambda:{HOME}:function:a",
    f"arn:aws:states:{HOME}:stateMachine:a",
    f"arn:aws:events:{HOME}:event-bus/default",
    "arn:aws:iam::123456789012:role/a",
]
INTERNAL = {"InternalFailure", "InternalError", "InternalServerError", "ServiceException"}
_TEXT = st.one_of(st.sampled_from(NAMES), st.text(max_size=12).filter(lambda text: "\x00" not in text))
_DEPTH = 5


def values(shape, depth=0):
    """Return a strategy of values of a shape. Beyond a depth, structures and lists are empty."""
    kind = shape.type_name
    if kind == "structure":
        return _structures(shape, depth)
    if kind == "list":
        return st.lists(values(shape.member, depth + 1), max_size=2) if depth < _DEPTH else st.just([])
    if kind == "map":
        inner = values(shape.value, depth + 1) if depth < _DEPTH else st.nothing()
        return st.dictionaries(_TEXT, inner, max_size=2) if depth < _DEPTH else st.just({})
    if kind == "string":
        return st.one_of(st.sampled_from(shape.enum), _TEXT) if shape.enum else _TEXT
    return {
        "blob": st.binary(max_size=20),
        "boolean": st.booleans(),
        "timestamp": st.integers(0, 2_000_000_000),
        "float": st.floats(allow_nan=False, allow_infinity=False),
        "double": st.floats(allow_nan=False, allow_infinity=False),
    }.get(kind, st.integers(-2, 2**31))


def _structures(shape, depth):
    if depth >= _DEPTH:
        return st.just({})
    members = {name: values(member, depth + 1) for name, member in shape.members.items()}
    required = {name: members.pop(name) for name in shape.required_members}
    return st.fixed_dictionaries(required, optional=members)


class Fuzz:
    """Calls every operation of the services, and counts the outcomes."""

    def __init__(self, cloud):
        self.outcomes = Counter()
        self.failures = {}
        self._cloud = cloud

    def run(self, services, calls, first):
        """Make this number of calls, spread over the operations of services."""
        operations = [(name, each) for name in services for each in self._model(name).operation_names]
        each = max(1, calls // len(operations))
        for number, (service, operation) in enumerate(operations):
            self._operation(service, operation, each, first + number)

    def _model(self, service):
        return self._cloud.client(service).meta.service_model

    def _operation(self, service, operation, calls, number):
        shape = self._model(service).operation_model(operation).input_shape
        client = self._client(service)

        @seed(number)
        @settings(
            max_examples=calls,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(values(shape) if shape else st.just({}))
        def call(parameters):
            self._call(client, service, operation, parameters)

        call()

    def _client(self, service):
        import boto3

        known = self._cloud.environment()
        config = Config(parameter_validation=False, read_timeout=20, retries={"total_max_attempts": 1})
        return boto3.client(
            service,
            endpoint_url=known["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
            config=config,
        )

    def _call(self, client, service, operation, parameters):
        try:
            client._make_api_call(operation, parameters)
            self.outcomes["succeeded"] += 1
        except ResponseParserError as error:
            self.outcomes["unreadable"] += 1
            self.failures.setdefault(f"{service} {operation}", (str(error)[:300], parameters))
        except ClientError as error:
            self._refused(service, operation, parameters, error.response)
        except BotoCoreError as error:
            sent = "timed out" in str(error).lower() or "connection" in str(error).lower()
            self.outcomes["no answer" if sent else "not sent"] += 1
            if sent:
                self.failures.setdefault(f"{service} {operation}", (str(error), parameters))
        except (AttributeError, KeyError, TypeError, ValueError):
            self.outcomes["not sent"] += 1  # botocore cannot write these parameters, or read an answer to them

    def _refused(self, service, operation, parameters, response):
        error, status = response["Error"], response["ResponseMetadata"]["HTTPStatusCode"]
        if error["Code"] == "NotImplemented":
            self.outcomes["not implemented"] += 1
        elif error["Code"] in INTERNAL or status >= 500:
            self.outcomes["failed"] += 1
            self.failures.setdefault(f"{service} {operation}", (error.get("Message", ""), parameters))
        else:
            self.outcomes["refused"] += 1


def main():
    """Run the calls against a local cloud; exit with 1 after a failure."""
    from millrace.local.cloud import LocalCloud

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--services", nargs="+", choices=SERVICES, default=SERVICES)
    given_options = parser.parse_args()
    with LocalCloud(port=0) as cloud:
        fuzz = Fuzz(cloud)
        fuzz.run(given_options.services, given_options.calls, given_options.seed)
    for name, (message, parameters) in sorted(fuzz.failures.items()):
        sys.stdout.write(f"{name}: {message}\n    {str(parameters)[:300]}\n")
    counts = ", ".join(f"{count} {name}" for name, count in sorted(fuzz.outcomes.items()))
    sys.stdout.write(f"{counts}\n")
    return 1 if fuzz.failures else 0


if __name__ == "__main__":
    sys.exit(main())
