"""Brings stacks up, changes and deletes them, each on a thread of its own, and tells of it as CloudFormation does.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

import threading
from collections.abc import Callable, Collection, Iterable

from millrace.local.agenda import Agenda
from millrace.local.assembly import Stack
from millrace.local.cloudformation.records import Order, Record
from millrace.local.deployment import Action, Change, Deployment, DeploymentFailed, StackState
from millrace.local.loader import Loader
from millrace.local.rollout import Rollout
from millrace.local.template import TemplateError

_EVENTS: dict[Action, tuple[str, ...]] = {
    "create": ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"),
    "update": ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
    "replace": ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
    "delete": ("DELETE_IN_PROGRESS", "DELETE_COMPLETE"),
    "retain": ("DELETE_SKIPPED",),
}
_REPLACES = "Requested update requires the creation of a new physical resource; hence creating one."


class Engine:
    """The loader's rollouts, one stack at a time. Each holds the agenda, so that a flow settles after it."""

    def __init__(self, loader: Loader, agenda: Agenda) -> None:
        self._loader = loader
        self._agenda = agenda

    def bring(self, record: Record, order: Order, done: Callable[[bool], None] = lambda _: None) -> None:
        """Make a stack what an order says; `done` is told whether it worked."""
        creates = record.seen is None
        kind = "CREATE" if creates else "UPDATE"
        record.turn(f"{kind}_IN_PROGRESS", "User Initiated")
        self._start(record, lambda: done(self._brought(record, order, creates=creates)), f"{kind}_FAILED")

    def delete(self, record: Record, retained: Collection[str] = ()) -> None:
        """Delete a stack, but for resources that are to be left."""
        record.turn("DELETE_IN_PROGRESS", "User Initiated")
        self._start(record, lambda: self._deleted(record, retained), "DELETE_FAILED")

    def _start(self, record: Record, work: Callable[[], None], failed: str) -> None:
        with self._agenda.hold(f"deployment of the stack {record.name}") as hold:

            def run() -> None:
                try:
                    with self._loader.lock:
                        work()
                except BaseException as error:
                    record.turn(failed, f"The local cloud itself failed: {error!r}")
                    raise
                finally:
                    hold.release()

            threading.Thread(target=run, name=f"stack {record.name}", daemon=True).start()
            hold.hand_over()

    def _brought(self, record: Record, order: Order, *, creates: bool) -> bool:
        before = self._loader.deployment
        rollout = self._loader.rollout(_Teller(record, before).changed, keeping=before.stacks)
        stack = Stack(record.name, order.template)
        try:
            self._loader.check_place(stack)
            state = rollout.bring(stack, order.resolved, id=record.id)
            _check_exports(before.stacks.get(record.name), rollout.after)
        except DeploymentFailed as failure:
            self._rolled_back(record, rollout, failure, creates=creates)
            return False
        state.parameters = dict(order.parameters)
        self._loader.deployment, record.order = rollout.after, order
        if creates:
            record.agree(state)
            record.turn("CREATE_COMPLETE")
        else:
            record.turn("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            rollout.clear(on_failure=lambda failure: _tell_failure(record, failure, "DELETE_FAILED"))
            record.agree(state)
            record.turn("UPDATE_COMPLETE")
        return True

    def _rolled_back(self, record: Record, rollout: Rollout, failure: DeploymentFailed, *, creates: bool) -> None:
        known = failure.logical_id in record.latest and not creates
        verb = "update" if known else "create"
        if failure.logical_id:
            _tell_failure(record, failure, f"{verb.upper()}_FAILED")
            reason = f"The following resource(s) failed to {verb}: [{failure.logical_id}]. "
        else:
            reason = f"{failure.cause}. "
        status = "ROLLBACK" if creates else "UPDATE_ROLLBACK"
        record.turn(f"{status}_IN_PROGRESS", f"{reason}Rollback requested by user.")
        rollout.roll_back(failure)
        if notes := getattr(failure, "__notes__", []):
            record.turn(f"{status}_FAILED", " ".join(notes))
            return
        if not creates:
            record.turn("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
            record.agree(self._loader.deployment.stacks[record.name])
        record.turn(f"{status}_COMPLETE")

    def _deleted(self, record: Record, retained: Collection[str]) -> None:
        before = self._loader.deployment
        state = before.stacks.get(record.name)
        if state is None or state.id != record.id:  # a roll-back left nothing of it
            record.turn("DELETE_COMPLETE")
            return
        if reason := _in_use(before, state, state.exports):
            record.turn("DELETE_FAILED", reason)
            return
        for logical_id in retained:
            state.resources.pop(logical_id, None)
        rollout = self._loader.rollout(
            _Teller(record, before).changed, keeping=[name for name in before.stacks if name != record.name]
        )
        failures: list[DeploymentFailed] = []
        rollout.clear(on_failure=failures.append)
        for failure in failures:
            _tell_failure(record, failure, "DELETE_FAILED")
        if failures:
            self._left_over(record, state, failures)
        else:
            self._loader.deployment = rollout.after
            record.turn("DELETE_COMPLETE")

    def _left_over(self, record: Record, state: StackState, failures: Iterable[DeploymentFailed]) -> None:
        names = [str(failure.logical_id) for failure in failures]
        for logical_id in state.resources.keys() - set(names):
            del state.resources[logical_id]
        record.turn("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(names)}].")


class _Teller:
    """Writes what a rollout does into a stack's events."""

    def __init__(self, record: Record, before: Deployment) -> None:
        self._record = record
        state = before.stacks.get(record.name)
        self._stood = {each.physical_id for each in state.resources.values()} if state else set()

    def changed(self, change: Change) -> None:
        """Tell of one change, which is done."""
        if change.stack != self._record.name:
            return
        for status in self._statuses(change):
            reason = _REPLACES if change.action == "replace" and status == "UPDATE_IN_PROGRESS" else None
            self._record.note(change.logical_id, change.physical_id, change.type, status, reason)

    def _statuses(self, change: Change) -> tuple[str, ...]:
        if change.action != "undo":
            return _EVENTS[change.action]
        return _EVENTS["update" if change.physical_id in self._stood else "delete"]


def _tell_failure(record: Record, failure: DeploymentFailed, status: str) -> None:
    logical_id, kind = str(failure.logical_id), str(failure.type)
    known = record.latest.get(logical_id)
    physical_id = known.physical_id if known else ""
    if not known:
        record.note(logical_id, "", kind, "CREATE_IN_PROGRESS")
    record.note(logical_id, physical_id, kind, status, str(failure.cause))


def _check_exports(old: StackState | None, after: Deployment) -> None:
    """Raise DeploymentFailed where an export that others read would go, or change."""
    if old is None:
        return
    now = after.stacks[old.name].exports
    for name, value in old.exports.items():
        if now.get(name) != value and (reason := _in_use(after, old, [name], "updated" if name in now else "deleted")):
            raise DeploymentFailed(old.name, TemplateError(reason))


def _in_use(deployment: Deployment, owner: StackState, exports: Iterable[str], verb: str = "deleted") -> str | None:
    for export in exports:
        if users := [name for name in deployment.importers(export) if name != owner.name]:
            return f"Export {export} cannot be {verb} as it is in use by {' and '.join(users)}"
    return None
