"""Creates, updates and deletes stacks, each on its own thread, and records the events of CloudFormation.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

import threading
from collections.abc import Callable, Collection, Iterable

from millrace.local.cloudformation.api.records import StackRecord, StackRequest
from millrace.local.cloudformation.assembly import Stack
from millrace.local.cloudformation.deployer import Deployer
from millrace.local.cloudformation.deployment import Action, Change, Deployment, DeploymentError, StackState
from millrace.local.cloudformation.rollout import Rollout
from millrace.local.cloudformation.template import TemplateError
from millrace.local.core.scheduler import Scheduler

_STATUSES: dict[Action, tuple[str, ...]] = {
    "create": ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"),
    "update": ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
    "replace": ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
    "delete": ("DELETE_IN_PROGRESS", "DELETE_COMPLETE"),
    "retain": ("DELETE_SKIPPED",),
}
_REPLACEMENT = "Requested update requires the creation of a new physical resource; hence creating one."


class StackOperations:
    """Runs one rollout at a time. The scheduler is on hold meanwhile, so `settle` waits for the end."""

    def __init__(self, deployer: Deployer, scheduler: Scheduler) -> None:
        self._deployer = deployer
        self._scheduler = scheduler

    def deploy(self, record: StackRecord, request: StackRequest, done: Callable[[bool], None] = lambda _: None) -> None:
        """Create or update a stack, then call `done` with whether the operation succeeded."""
        creates = record.state is None
        kind = "CREATE" if creates else "UPDATE"
        record.set_status(f"{kind}_IN_PROGRESS", "User Initiated")
        self._start(record, lambda: done(self._deploy(record, request, creates=creates)), f"{kind}_FAILED")

    def delete(self, record: StackRecord, retained: Collection[str] = ()) -> None:
        """Delete a stack, except the `retained` logical ids."""
        record.set_status("DELETE_IN_PROGRESS", "User Initiated")
        self._start(record, lambda: self._delete(record, retained), "DELETE_FAILED")

    def _start(self, record: StackRecord, operation: Callable[[], None], failed_status: str) -> None:
        with self._scheduler.hold(f"deployment of the stack {record.name}") as hold:

            def run() -> None:
                try:
                    with self._deployer.lock:
                        operation()
                except BaseException as error:
                    record.set_status(failed_status, f"Internal error of the local cloud: {error!r}")
                    raise
                finally:
                    hold.release()

            threading.Thread(target=run, name=f"stack {record.name}", daemon=True).start()
            hold.hand_over()

    def _deploy(self, record: StackRecord, request: StackRequest, *, creates: bool) -> bool:
        before = self._deployer.deployment
        rollout = self._deployer.rollout(_EventRecorder(record, before).record, keep=before.stacks)
        stack = Stack(record.name, request.template)
        try:
            self._deployer.check_environment(stack)
            state = rollout.deploy(stack, request.resolved, stack_id=record.id)
            _check_exports(before.stacks.get(record.name), rollout.after)
        except DeploymentError as failure:
            self._roll_back(record, rollout, failure, creates=creates)
            return False
        state.parameters = dict(request.parameters)
        self._deployer.deployment, record.request = rollout.after, request
        if creates:
            record.synchronize(state)
            record.set_status("CREATE_COMPLETE")
        else:
            record.set_status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            rollout.delete_removed(on_failure=lambda failure: _record_failure(record, failure, "DELETE_FAILED"))
            record.synchronize(state)
            record.set_status("UPDATE_COMPLETE")
        return True

    def _roll_back(self, record: StackRecord, rollout: Rollout, failure: DeploymentError, *, creates: bool) -> None:
        verb = "update" if failure.logical_id in record.latest and not creates else "create"
        if failure.logical_id:
            _record_failure(record, failure, f"{verb.upper()}_FAILED")
            reason = f"The following resource(s) failed to {verb}: [{failure.logical_id}]. "
        else:
            reason = f"{failure.cause}. "
        status = "ROLLBACK" if creates else "UPDATE_ROLLBACK"
        record.set_status(f"{status}_IN_PROGRESS", f"{reason}Rollback requested by user.")
        rollout.roll_back(failure)
        if notes := getattr(failure, "__notes__", []):
            record.set_status(f"{status}_FAILED", " ".join(notes))
            return
        if not creates:
            record.set_status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
            record.synchronize(self._deployer.deployment.stacks[record.name])
        record.set_status(f"{status}_COMPLETE")

    def _delete(self, record: StackRecord, retained: Collection[str]) -> None:
        before = self._deployer.deployment
        state = before.stacks.get(record.name)
        if state is None or state.id != record.id:  # a rollback has deleted its resources
            record.set_status("DELETE_COMPLETE")
            return
        if reason := _export_in_use(before, state, state.exports):
            record.set_status("DELETE_FAILED", reason)
            return
        for logical_id in retained:
            state.resources.pop(logical_id, None)
        others = [name for name in before.stacks if name not in (record.name, *before.nested(record.name))]
        rollout = self._deployer.rollout(_EventRecorder(record, before).record, keep=others)
        failures: list[DeploymentError] = []
        rollout.delete_removed(on_failure=failures.append)
        for failure in failures:
            _record_failure(record, failure, "DELETE_FAILED")
        if failures:
            names = [str(failure.logical_id) for failure in failures]
            state.resources = {name: state.resources[name] for name in state.resources if name in names}
            record.set_status("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(names)}].")
        else:
            self._deployer.deployment = rollout.after
            record.set_status("DELETE_COMPLETE")


class _EventRecorder:
    """Adds a stack event for each change of a rollout."""

    def __init__(self, record: StackRecord, before: Deployment) -> None:
        self._record = record
        state = before.stacks.get(record.name)
        self._existing = {resource.physical_id for resource in state.resources.values()} if state else set()

    def record(self, change: Change) -> None:
        """Add the events of a completed change."""
        if change.stack != self._record.name:
            return
        for status in self._statuses(change):
            reason = _REPLACEMENT if change.action == "replace" and status == "UPDATE_IN_PROGRESS" else None
            self._record.add_resource_event(change.logical_id, change.physical_id, change.type, status, reason)

    def _statuses(self, change: Change) -> tuple[str, ...]:
        if change.action != "undo":
            return _STATUSES[change.action]
        return _STATUSES["update" if change.physical_id in self._existing else "delete"]


def _record_failure(record: StackRecord, failure: DeploymentError, status: str) -> None:
    logical_id, kind = str(failure.logical_id), str(failure.type)
    latest = record.latest.get(logical_id)
    if not latest:
        record.add_resource_event(logical_id, "", kind, "CREATE_IN_PROGRESS")
    physical_id = latest.physical_id if latest else ""
    record.add_resource_event(logical_id, physical_id, kind, status, str(failure.cause))


def _check_exports(before: StackState | None, after: Deployment) -> None:
    """Raise DeploymentError if an export that other stacks import is removed or changed."""
    if before is None:
        return
    exports = after.stacks[before.name].exports
    for name, value in before.exports.items():
        verb = "updated" if name in exports else "deleted"
        if exports.get(name) != value and (reason := _export_in_use(after, before, [name], verb)):
            raise DeploymentError(before, TemplateError(reason))


def _export_in_use(
    deployment: Deployment, owner: StackState, exports: Iterable[str], verb: str = "deleted"
) -> str | None:
    for export in exports:
        if importers := [name for name in deployment.importers(export) if name != owner.name]:
            return f"Export {export} cannot be {verb} as it is in use by {' and '.join(importers)}"
    return None
