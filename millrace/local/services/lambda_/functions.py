"""Lambda functions, found by name, version or alias, and run in workers."""

import copy
import hashlib
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.local.core.history import references
from millrace.local.core.json_text import parsed
from millrace.local.services.iam import Iam
from millrace.local.services.lambda_.asynchronous import AsyncInvocation
from millrace.local.services.lambda_.deployment_packages import PackageError, unpack
from millrace.local.services.lambda_.logs import FunctionLogs, log_settings
from millrace.local.services.lambda_.outcomes import display_name, is_ordered, record_attempts, service_error
from millrace.local.services.lambda_.recursion import next_header
from millrace.local.workers import FunctionSpec, Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


class UnsupportedRuntimeError(RuntimeError):
    """A function that is not in Python."""


def check_runtime(function: Any) -> None:
    """Raise UnsupportedRuntimeError for a function that the local cloud stores, but cannot run."""
    runtime = function.run_time or "a container image"
    if not runtime.startswith("python"):
        raise UnsupportedRuntimeError(
            f"The local cloud runs Python functions only; the runtime of {function.function_name} is {runtime}."
        )


class Functions:
    """Finds moto's functions and runs them in workers."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._code = region.cache / "code"
        self.logs = FunctionLogs(region.backends)
        self._found: dict[tuple[str, str | None], Any] = {}
        self._specs: dict[str, FunctionSpec] = {}
        self._running: Counter[str] = Counter()
        self._random = random.Random(0)  # noqa: S311 - chooses the version of an alias

    def find(self, name: str, qualifier: str | None = None) -> Any:
        """Return moto's function for a name or ARN, with or without a version or alias. Raises LookupError.

        For an alias, it is the version with the ARN of the alias.
        https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
        """
        return self._found.get((name, qualifier)) or self._look_up(name, qualifier)

    def _look_up(self, name: str, qualifier: str | None) -> Any:
        from moto.awslambda.exceptions import UnknownFunctionException

        key = (name, qualifier)
        if name.startswith("arn:") and name.split(":")[3:5] != [self._region.name, self._region.account]:
            raise LookupError(f"Function not found: {name}")
        plain, _, own_qualifier = name.rpartition(":function:")[2].partition(":")
        qualifier = qualifier or own_qualifier or None
        backend = self._region.backends.lambda_
        try:
            alias = backend._lambdas._aliases.get(self._arn_of(plain), {}).get(qualifier)  # noqa: SLF001 - moto's
            if alias is None:
                return self._found.setdefault(key, backend.get_function(plain, qualifier))
            function = copy.copy(backend.get_function(plain, self._version_of(alias)))
        except UnknownFunctionException as error:
            arn = f"{self._arn_of(plain)}{':' + qualifier if qualifier else ''}"
            raise LookupError(f"Function not found: {arn}") from error
        function.function_arn = alias.arn
        return function

    def _arn_of(self, name: str) -> str:
        return f"arn:aws:lambda:{self._region.name}:{self._region.account}:function:{name}"

    def _version_of(self, alias: Any) -> str:
        """Return the version of an alias, drawn by its weights.

        https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
        """
        weights = (alias.routing_config or {}).get("AdditionalVersionWeights") or {}
        drawn = self._random.random() if weights else 1.0
        for version, weight in weights.items():
            if drawn < weight:
                return str(version)
            drawn -= weight
        return str(alias.function_version)

    def name_of(self, arn: str) -> str:
        """Return the display name of a function, or the last part of its ARN if it was deleted."""
        try:
            return display_name(self.find(arn))
        except LookupError:
            return arn.rpartition(":function:")[2]

    def changed(self) -> None:
        """Read code and configuration again, and end the workers of changed functions."""
        previous, self._specs = self._specs, {}
        self._found.clear()
        for arn, spec in previous.items():
            try:
                unchanged = self.spec(self.find(arn)) == spec
            except (LookupError, PackageError):
                unchanged = False
            if not unchanged:
                self._region.workers.retire(spec.name)

    def names(self) -> list[str]:
        """Return the names of the functions that have run."""
        return list({spec.name for spec in self._specs.values()})

    def reset(self) -> None:
        """Drop every function."""
        self._specs.clear()
        self._found.clear()

    def spec(self, function: Any) -> FunctionSpec:
        """Return the specification from which workers run a function."""
        arn = function.function_arn
        spec = self._specs.get(arn)
        if spec is None or spec.version != str(function.version):
            self._specs[arn] = FunctionSpec(
                name=function.function_name,
                arn=arn,
                version=str(function.version),
                handler=function.handler,
                code=self._unpacked(function.code_bytes),
                layers=tuple(self._unpacked(layer.code_bytes) for layer in function.millrace_layers),
                environment={
                    **log_settings(function),
                    **function.environment_vars,
                    **self._region.service(Iam).access.credentials(function),
                },
                timeout=float(function.timeout),
                memory_mb=int(function.memory_size),
                log_group=self.logs.group_of(function),
            )
        return self._specs[arn]

    def _unpacked(self, archive: bytes) -> Path:
        """Return the folder with an archive's files. Each content is unpacked once."""
        folder = self._code / hashlib.sha256(archive).hexdigest()[:32]
        if not folder.exists():
            unpack(archive, folder)
        return folder

    def reserved_concurrency(self, function: Any) -> int | None:
        """Return the reserved concurrency of a function, which its versions share; None if it has none.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
        """
        reserved = self.find(function.function_name).reserved_concurrency
        return None if reserved is None else int(reserved)

    def _is_throttled(self, function: Any) -> bool:
        """Return whether a function may not run now: by its reserved concurrency, or by what the account has left.

        https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
        """
        reserved = self.reserved_concurrency(function)
        if reserved is not None:
            return self._running[function.function_name] >= reserved
        quota = self._region.regions.concurrency
        return quota is not None and self._unreserved_running() >= quota - sum(self._reservations().values())

    def _unreserved_running(self) -> int:
        reservations = self._reservations()
        return sum(count for name, count in self._running.items() if name not in reservations)

    def _reservations(self) -> dict[str, int]:
        """Return the reserved concurrency of each function that has one."""
        functions = self._region.backends.lambda_._lambdas.latest()  # noqa: SLF001 - moto's
        return {each.function_name: int(each.reserved_concurrency) for each in functions if each.reserved_concurrency}

    def invoke(
        self,
        function: Any,
        payload: bytes,
        done: Callable[[Outcome | None], None],
        *,
        urgent: bool = False,
        request_id: str | None = None,
        trace_headers: Iterable[str] = (),
    ) -> str:
        """Run a function once and return the request id. `done` gets the outcome; None if it was throttled.

        `trace_headers` are those of the requests or messages that cause the invocation.
        """
        request_id = request_id or str(uuid.uuid4())
        name = function.function_name
        if self._is_throttled(function) or self._region.faults.throttled(display_name(function)):
            done(None)
            return request_id
        self._running[name] += 1
        began = self._region.clock.now()
        events = references(parsed(payload))
        with self._region.scheduler.hold(f"function {name}") as hold:

            def ended(outcome: Outcome) -> None:
                self._running[name] -= 1
                with ExitStack() as always:  # a failure to log must not lose the outcome
                    always.callback(hold.release)
                    always.callback(done, outcome)
                    self.logs.write(function, outcome, began)
                    record_attempts(self._region, function, outcome, began, events)

            self._run(function, payload, request_id, ended, next_header(function, trace_headers), urgent=urgent)
            hold.hand_over()
        return request_id

    def _run(
        self,
        function: Any,
        payload: bytes,
        request_id: str,
        ended: Callable[[Outcome], None],
        trace_id: str,
        *,
        urgent: bool,
    ) -> None:
        """Run a function, with the fault that is drawn for this call."""
        fault = self._region.faults.draw(display_name(function), ordered=is_ordered(payload))
        ahead = self._region.clock.wall_clock_offset
        failure = service_error(request_id, "Lambda.ServiceException", "This failure was injected by the local cloud.")
        if fault == "rejected":
            self._region.scheduler.soon(lambda: ended(failure), "an injected fault")
            return
        done = ended if fault != "response_lost" else lambda _: ended(failure)
        try:
            check_runtime(function)
            spec = self.spec(function)
        except (PackageError, UnsupportedRuntimeError) as error:
            kind = "InvalidZipFileException" if isinstance(error, PackageError) else "Runtime.Unsupported"
            outcome = service_error(request_id, kind, str(error))
            self._region.scheduler.soon(lambda: ended(outcome), "a function that cannot run")
            return
        workers = self._region.workers
        workers.invoke(spec, payload, request_id, done, urgent=urgent, ahead=ahead, trace_id=trace_id)
        if fault == "killed":
            self._region.faults.later(lambda: workers.kill(request_id))
        if fault == "doubled":
            with self._region.scheduler.hold(f"a second call of {spec.name}") as hold:
                second_id = str(uuid.uuid4())
                workers.invoke(spec, payload, second_id, lambda _: hold.release(), urgent=urgent, ahead=ahead)
                hold.hand_over()

    def invoke_async(self, function: Any, payload: bytes, trace_header: str = "") -> str:
        """Queue an asynchronous invocation and return its request id."""
        invocation = AsyncInvocation(self._region, self, function, payload, trace_header)
        invocation.start()
        return invocation.request_id
