"""Lambda functions: found by name, version or alias, and run in workers."""

import copy
import hashlib
import json
import random
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.local.deployment_packages import PackageError, unpack
from millrace.local.journal import Reference, references
from millrace.local.lenient import parsed
from millrace.local.plane.asynchronous import AsyncInvocation
from millrace.local.plane.outcomes import display_name, error_of, failed_records, told_errors
from millrace.local.workers import FunctionSpec, Outcome

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane

__all__ = ["Functions", "display_name"]

LATEST = "$LATEST"


class Functions:
    """Runs the functions that moto keeps, in workers."""

    def __init__(self, plane: "Plane", code: Path) -> None:
        self._plane = plane
        self._code = code
        self._found: dict[tuple[str, str | None], Any] = {}
        self._specs: dict[str, FunctionSpec] = {}
        self._running: Counter[str] = Counter()
        self._choice = random.Random(0)  # noqa: S311 - which version of an alias, not a secret

    def find(self, name: str, qualifier: str | None = None) -> Any:
        """Moto's function of a name or ARN, of a version or alias if one is named. Raises LookupError.

        What an alias leads to is the version with the alias's own ARN.
        https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
        """
        known = self._found.get((name, qualifier))
        return known or self._look_up(name, qualifier)

    def _look_up(self, name: str, qualifier: str | None) -> Any:
        from moto.awslambda.exceptions import UnknownFunctionException  # noqa: PLC0415

        asked = (name, qualifier)
        plain, _, named = name.rpartition(":function:")[2].partition(":")
        qualifier = qualifier or named or None
        backend = self._plane.state.lambda_
        try:
            alias = backend._lambdas._aliases.get(self._arn_of(plain), {}).get(qualifier)  # noqa: SLF001 - moto's
            if alias is None:
                return self._found.setdefault(asked, backend.get_function(plain, qualifier))
            function = copy.copy(backend.get_function(plain, self._version_of(alias)))
        except UnknownFunctionException as error:
            told = f"{self._arn_of(plain)}{':' + qualifier if qualifier else ''}"
            raise LookupError(f"Function not found: {told}") from error
        function.function_arn = alias.arn
        return function

    def _arn_of(self, name: str) -> str:
        return f"arn:aws:lambda:{self._plane.state.region}:{self._plane.state.account}:function:{name}"

    def _version_of(self, alias: Any) -> str:
        """The version that an alias leads to this time.

        https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
        """
        weights = (alias.routing_config or {}).get("AdditionalVersionWeights") or {}
        drawn = self._choice.random() if weights else 1.0
        for version, weight in weights.items():
            if drawn < weight:
                return str(version)
            drawn -= weight
        return str(alias.function_version)

    def name_of(self, arn: str) -> str:
        """The display name of a function, also of one that is gone."""
        try:
            return display_name(self.find(arn))
        except LookupError:
            return arn.rpartition(":function:")[2]

    def changed(self) -> None:
        """Look at code and configuration afresh, and end the workers of what has changed."""
        former, self._specs = self._specs, {}
        self._found.clear()
        for arn, spec in former.items():
            try:
                same = self.spec(self.find(arn)) == spec
            except (LookupError, PackageError):
                same = False
            if not same:
                self._plane.workers.retire(spec.name)

    def known(self) -> list[str]:
        """The names of the functions that have run."""
        return list({spec.name for spec in self._specs.values()})

    def forget(self) -> None:
        """Forget every function."""
        self._specs.clear()
        self._found.clear()

    def spec(self, function: Any) -> FunctionSpec:
        """What a worker needs to know of a function."""
        arn = function.function_arn
        known = self._specs.get(arn)
        if known is None or known.version != str(function.version):
            self._specs[arn] = FunctionSpec(
                name=function.function_name,
                arn=arn,
                version=str(function.version),
                handler=function.handler,
                code=self._unpacked(function.code_bytes),
                layers=tuple(self._layer(layer["Arn"]) for layer in function.layers),
                environment={
                    **_log_settings(function),
                    **function.environment_vars,
                    **self._plane.access.credentials(function),
                },
                timeout=float(function.timeout),
                memory_mb=int(function.memory_size),
                log_group=self._plane.logs.group_of(function),
            )
        return self._specs[arn]

    def _layer(self, arn: str) -> Path:
        return self._unpacked(self._plane.state.lambda_.layers_versions_by_arn(arn).code_bytes)

    def _unpacked(self, archive: bytes) -> Path:
        """The folder of an archive's files; unpacked once for each content."""
        folder = self._code / hashlib.sha256(archive).hexdigest()[:32]
        if not folder.exists():
            unpack(archive, folder)
        return folder

    def limit_of(self, function: Any) -> int | None:
        """The concurrency that a function has reserved, for all of its versions together.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
        """
        reserved = self.find(function.function_name).reserved_concurrency
        return None if reserved is None else int(reserved)

    def invoke(
        self,
        function: Any,
        payload: bytes,
        done: Callable[[Outcome | None], None],
        *,
        urgent: bool = False,
        request_id: str | None = None,
    ) -> str:
        """Run a function once. `done` gets the outcome, or None if it was throttled. Gives the request id."""
        request_id = request_id or str(uuid.uuid4())
        name = function.function_name
        limit = self.limit_of(function)
        if limit is not None and self._running[name] >= limit:
            done(None)
            return request_id
        self._running[name] += 1
        began = self._plane.clock.now()
        about = references(parsed(payload))
        with self._plane.agenda.hold(f"function {name}") as hold:

            def ended(outcome: Outcome) -> None:
                self._running[name] -= 1
                try:
                    self._plane.logs.write(function, outcome, began)
                    self._remember(function, outcome, began, about)
                    done(outcome)
                finally:
                    hold.release()

            self._run(function, payload, request_id, ended, urgent=urgent)
            hold.hand_over()
        return request_id

    def _run(
        self, function: Any, payload: bytes, request_id: str, ended: Callable[[Outcome], None], *, urgent: bool
    ) -> None:
        """Run a function, or have happen to it what the faults of this cloud draw."""
        fault, ahead = self._plane.faults.draw(display_name(function)), self._plane.clock.ahead
        if fault == "refused":
            self._plane.agenda.soon(lambda: ended(_broken(request_id)), "a fault")
            return
        heard = ended if fault != "unheard" else lambda _: ended(_broken(request_id))
        try:
            spec = self.spec(function)
        except PackageError as error:
            outcome = _failed(request_id, "InvalidZipFileException", str(error))
            self._plane.agenda.soon(lambda: ended(outcome), "a package that cannot be unzipped")
            return
        workers = self._plane.workers
        workers.invoke(spec, payload, request_id, heard, urgent=urgent, ahead=ahead)
        if fault == "killed":
            self._plane.faults.later(lambda: workers.kill(request_id))
        if fault == "doubled":
            self._invoke_again(spec, payload, urgent=urgent, ahead=ahead)

    def _invoke_again(self, spec: FunctionSpec, payload: bytes, *, urgent: bool, ahead: float) -> None:
        with self._plane.agenda.hold(f"a second call of {spec.name}") as hold:
            again = str(uuid.uuid4())
            self._plane.workers.invoke(spec, payload, again, lambda _: hold.release(), urgent=urgent, ahead=ahead)
            hold.hand_over()

    def _remember(self, function: Any, outcome: Outcome, began: float, about: list[Reference]) -> None:
        failed = failed_records(outcome)
        told = told_errors(outcome)
        for event in about:
            bad = outcome.status != "ok" or event.key in failed or event.event_id in told
            error = told.get(event.event_id) or (error_of(outcome) if outcome.status != "ok" else "failed")
            self._plane.journal.add(
                "attempt",
                event,
                display_name(function),
                at=began,
                duration_ms=outcome.duration_ms,
                outcome=outcome.status if outcome.status != "ok" or not bad else "error",
                error=error if bad else None,
                attempt=event.attempt,
                execution=event.execution,
                event=event.event,
            )

    def invoke_async(self, function: Any, payload: bytes) -> str:
        """Queue an asynchronous invocation: two retries, six hours at most, then the destinations.

        Gives the request id.
        """
        invocation = AsyncInvocation(self._plane, function, payload)
        invocation.start()
        return invocation.request_id


def _log_settings(function: Any) -> dict[str, str]:
    """What tells AWS's runtime client how to log."""
    config = getattr(function, "logging_config", None) or {}
    if config.get("LogFormat") != "JSON":
        return {}
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": config.get("ApplicationLogLevel", "INFO")}


def _broken(request_id: str) -> Outcome:
    """A fault of Lambda's own, whatever the function did."""
    return _failed(request_id, "Lambda.ServiceException", "a fault, as this cloud was told")


def _failed(request_id: str, error_type: str, message: str) -> Outcome:
    """The outcome where Lambda does not run a function.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
    """
    error = json.dumps({"errorType": error_type, "errorMessage": message})
    return Outcome("error", error.encode(), (), 0.0, None, 0, "none", request_id)
