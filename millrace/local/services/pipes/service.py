"""EventBridge Pipes: moto stores the pipes, the pollers of event source mappings read their sources.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes.html
"""

from collections.abc import Callable, Iterable
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import parsed
from millrace.local.core.service import Service
from millrace.local.services.lambda_ import Pollers, QueuePoller, compile_filters
from millrace.local.services.pipes import targets
from millrace.local.services.pipes.run import PipeRun
from millrace.local.services.pipes.source import PARAMETERS, PipeSource, PipeStreamPoller
from millrace.local.workers import Outcome

Poller = QueuePoller | PipeStreamPoller
_ENRICHMENTS = ("api-destination", "lambda", "states")


class Pipes(Service):
    """The pipes of an account and region."""

    arn_name = "pipes"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.checks = {f"pipes {method}": self.check for method in ("POST", "PUT")}
        self._pollers: Pollers[Poller] = Pollers(region, self.name_of)

    def check(self, params: dict[str, Any]) -> None:
        """Reject what AWS rejects, and sources, enrichments and targets that the local cloud does not serve."""
        if source := params.get("Source"):
            _check_source(source, params.get("SourceParameters") or {})
        if (enrichment := params.get("Enrichment")) and _kind(enrichment) not in _ENRICHMENTS:
            raise _unsupported("enrichment", enrichment, _ENRICHMENTS)
        if target := params.get("Target"):
            self._check_target(target, params.get("TargetParameters") or {})
        try:
            compile_filters((params.get("SourceParameters") or {}).get("FilterCriteria"))
        except ValueError as error:
            raise _invalid(f"Invalid filter pattern definition. ({error})") from error

    def _check_target(self, target: str, parameters: dict[str, Any]) -> None:
        supported = sorted({*targets.ACTIONS, "api-destination"})
        if _kind(target) not in supported:
            raise _unsupported("target", target, supported)
        known = {targets.PARAMETERS.get(_kind(target)), "InputTemplate"}
        if others := parameters.keys() - known:
            raise _invalid(f"The target {target} does not take {', '.join(sorted(others))}.")

    def changed(self) -> None:
        """Start new pipes, stop deleted ones, replace changed ones, and poll each source once."""
        pipes = dict(self.region.backends.pipes.pipes)
        self._pollers.update(pipes, self._poller, lambda poller, pipe: poller.mapping.pipe is pipe)

    def reset(self) -> None:
        """Stop every pipe."""
        self._pollers.reset()

    # -- as the consumer of its pollers --------------------------------------------------------------------------

    def find(self, arn: str) -> Any:
        """Return a pipe as the source that its poller reads. Raises LookupError."""
        poller = self._pollers.get(self.name_of(arn))
        if poller is None:
            raise LookupError(f"The pipe {arn} does not exist.")
        return poller.mapping

    def name_of(self, arn: str) -> str:
        """Return the name of a pipe."""
        return arn.rpartition("/")[2]

    def invoke(
        self,
        source: PipeSource,
        payload: bytes,
        done: Callable[[Outcome | None], None],
        *,
        trace_headers: Iterable[str] = (),  # noqa: ARG002 - the pollers pass them
    ) -> str:
        """Send a batch through a pipe."""
        records = (parsed(payload) or {})["Records"]
        with self.region.scheduler.hold(f"pipe {source.pipe.name}") as hold:

            def ended(outcome: Outcome | None) -> None:
                hold.release()
                done(outcome)

            run = PipeRun(self.region, source.pipe, records, source.permissions, ended)
            hold.hand_over()
        self.region.scheduler.soon(run.start, f"pipe {source.pipe.name}")
        return run.request_id

    def _poller(self, pipe: Any) -> Poller:
        source = PipeSource(pipe)
        kind = QueuePoller if source.service == "sqs" else PipeStreamPoller
        return kind(self.region, self, source)


def _kind(arn: str) -> str:
    return targets.kind_of(arn) if arn.startswith("arn:") and arn.count(":") > 4 else arn  # noqa: PLR2004 - no ARN


def _check_source(source: str, parameters: dict[str, Any]) -> None:
    if _kind(source) not in PARAMETERS:
        raise _unsupported("source", source, PARAMETERS)
    name = PARAMETERS[_kind(source)]
    if others := parameters.keys() - {name, "FilterCriteria"}:
        raise _invalid(f"The source {source} does not take {', '.join(sorted(others))}.")
    if _kind(source) != "sqs" and not (parameters.get(name) or {}).get("StartingPosition"):
        raise _invalid(f"{name}.StartingPosition is required for the source {source}.")


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationException", message)


def _unsupported(what: str, arn: str, supported: Iterable[str]) -> ApiError:
    return _invalid(f"The local cloud's pipes support the {what}s {', '.join(sorted(supported))}, not {arn}.")
