"""Operations on state machines, and on the tags of state machines and activities.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.catalog import Catalog, Revision, Selection, StateMachine
from millrace.local.services.stepfunctions.requests import Params, Result, check_arn, check_name, given, page

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

MAX_TAGS = 50
"""Of a resource. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
_ROLE = re.compile(r"arn:[\w-]+:iam::\d{12}:role/.+")
_NOTHING_TO_UPDATE = (
    "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
)
_DEFAULTS = {"tracing": {"enabled": False}, "encryption": {"type": "AWS_OWNED_KEY"}}
_REVISION = {"definition": "definition", "role": "roleArn", "logging": "loggingConfiguration"}
_REVISION |= {"tracing": "tracingConfiguration", "encryption": "encryptionConfiguration"}


class Tagged(Protocol):
    """A resource that has tags."""

    tags: dict[str, str]


class StateMachineOperations:
    """`answers` are the operations by name.

    `check_definition` raises ApiError for an invalid one. `find_tagged` finds a state machine or an activity.
    `on_delete` is called with the ARN of a state machine that was deleted.
    """

    def __init__(
        self,
        region: "AccountRegion",
        catalog: Catalog,
        check_definition: Callable[..., None],
        find_tagged: Callable[[str], Tagged],
        on_delete: Callable[[str], None],
    ) -> None:
        self._region = region
        self._catalog = catalog
        self._check_definition = check_definition
        self._find_tagged = find_tagged
        self._on_delete = on_delete
        self.answers: dict[str, Callable[[Params], Result]] = {
            "CreateStateMachine": self._create,
            "UpdateStateMachine": self._update,
            "DeleteStateMachine": self._delete,
            "DescribeStateMachine": self._describe,
            "ListStateMachines": self._list,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def _create(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html."""
        name, express = params["name"], params.get("type") == "EXPRESS"
        check_name(name)
        _check_version_description(params)
        revision = Revision(**_defaults(_revision(params)))
        arn = f"arn:aws:states:{self._region.name}:{self._region.account}:stateMachine:{name}"
        machine = self._catalog.machines.get(arn)
        if machine and not _is_same(machine, revision, express=express):
            raise ApiError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")
        if machine is None:
            self._check_definition(revision.definition, express=express)
            machine = StateMachine(arn, name, express, revision, self._catalog.now())
            _add_tags(machine, params.get("tags", []))
            self._catalog.machines[arn] = machine
        created = {"stateMachineArn": arn, "creationDate": machine.created_at}
        return created | self._published(machine, params)

    def _update(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html."""
        machine = self._find(params)
        _check_version_description(params)
        changes = _revision(params)
        if not changes:
            raise ApiError("MissingRequiredParameter", _NOTHING_TO_UPDATE)
        if "definition" in changes:
            self._check_definition(changes["definition"], express=machine.express)
        machine.update(**changes)
        updated = {"updateDate": self._catalog.now(), "revisionId": machine.revision.id}
        return given(updated) | self._published(machine, params)

    def _published(self, machine: StateMachine, params: Params) -> dict[str, str]:
        if not params.get("publish"):
            return {}
        return {"stateMachineVersionArn": machine.publish(self._catalog.now(), params.get("versionDescription")).arn}

    def _find(self, params: Params) -> StateMachine:
        check_arn(params["stateMachineArn"], "stateMachine")
        return self._catalog.machine(params["stateMachineArn"])

    def _delete(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html."""
        check_arn(params["stateMachineArn"], "stateMachine")
        if self._catalog.machines.pop(params["stateMachineArn"], None):
            self._on_delete(params["stateMachineArn"])
        return {}

    def _describe(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html."""
        arn = params["stateMachineArn"]
        check_arn(arn, "stateMachine")
        selection = self._catalog.select(arn)
        if selection.alias:
            raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return described(selection, with_definition=params.get("includedData") != "METADATA_ONLY")

    def _list(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachines.html."""
        found, token = page(list(self._catalog.machines.values()), params, lambda machine: machine.arn)
        machines = [
            {
                "stateMachineArn": each.arn,
                "name": each.name,
                "type": "EXPRESS" if each.express else "STANDARD",
                "creationDate": each.created_at,
            }
            for each in found
        ]
        return {"stateMachines": machines, **token}

    def _tag(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TagResource.html."""
        _add_tags(self._find_tagged(params["resourceArn"]), params["tags"])
        return {}

    def _untag(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_UntagResource.html."""
        tags = self._find_tagged(params["resourceArn"]).tags
        for key in params["tagKeys"]:
            tags.pop(key, None)
        return {}

    def _list_tags(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListTagsForResource.html."""
        tags = self._find_tagged(params["resourceArn"]).tags
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}


def described(selection: Selection, *, with_definition: bool = True) -> Result:
    """Return a state machine or a version of it as DescribeStateMachine does."""
    machine, revision = selection.machine, selection.revision
    version = machine.version(selection.version) if selection.version else None
    return given(
        {
            "stateMachineArn": selection.version or machine.arn,
            "name": machine.name,
            "status": "ACTIVE",
            "definition": revision.definition if with_definition else None,
            "roleArn": revision.role,
            "type": "EXPRESS" if machine.express else "STANDARD",
            "creationDate": version.created_at if version else machine.created_at,
            "loggingConfiguration": revision.logging,
            "tracingConfiguration": revision.tracing,
            "encryptionConfiguration": revision.encryption,
            "revisionId": revision.id,
            "description": version.description if version else None,
        }
    )


def _revision(params: Params) -> dict[str, Any]:
    """Return the given parts of a revision. Raises ApiError."""
    parts = {part: params[name] for part, name in _REVISION.items() if params.get(name) is not None}
    if "role" in parts and not _ROLE.fullmatch(parts["role"]):
        raise ApiError("InvalidArn", f"Invalid Role Arn: '{parts['role']}'")
    if "logging" in parts:
        parts["logging"] = _logging(parts["logging"])
    return parts


def _defaults(parts: dict[str, Any]) -> dict[str, Any]:
    return {**_DEFAULTS, "logging": _logging({}), **parts}


def _logging(config: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_LoggingConfiguration.html."""
    complete = {"level": "OFF", "includeExecutionData": False} | config
    destinations = config.get("destinations") or []
    if len(destinations) > 1 or (complete["level"] != "OFF" and not destinations):
        reason = "Invalid Logging Configuration: Must specify exactly one Log Destination."
        raise ApiError("InvalidLoggingConfiguration", reason)
    return complete


def _is_same(machine: StateMachine, revision: Revision, *, express: bool) -> bool:
    """Return whether a creation repeats an earlier one. The role and tags are not compared."""
    existing = machine.revision
    return machine.express == express and all(
        getattr(existing, part) == getattr(revision, part) for part in _REVISION if part != "role"
    )


def _check_version_description(params: Params) -> None:
    if params.get("versionDescription") and not params.get("publish"):
        raise ApiError("ValidationException", "Version description can only be set when publish is true")


def _add_tags(resource: Tagged, tags: list[dict[str, str]]) -> None:
    tagged = resource.tags | {tag.get("key", ""): tag.get("value", "") for tag in tags}
    if len(tagged) > MAX_TAGS:
        raise ApiError("TooManyTags", f"A resource has at most {MAX_TAGS} tags.")
    resource.tags.update(tagged)
