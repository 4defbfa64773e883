"""Changes to the answers of moto's Lambda API: fields, status codes, and operations that moto lacks.

https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from millrace.local.core.moto_patches import add, replace
from millrace.local.services.lambda_.configuration_checks import check, check_new
from millrace.local.services.lambda_.errors import STALE_REVISION, api_error, invalid_member

_NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
_STATEMENT_ID = "([a-zA-Z0-9-_]+)"
_CREATING = ("The function is being created.", "Creating")
CODE_SIZE_LIMIT, UNZIPPED_LIMIT, ZIPPED_LIMIT, CONCURRENCY_LIMIT = 80_530_636_800, 262_144_000, 52_428_800, 1000
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
_PATHS = (
    "/2016-08-19/account-settings/?$",
    "/2024-08-31/functions/(?P<function_name>[^/]+)/recursion-config/?$",
    "/2021-07-20/functions/(?P<function_name>[^/]+)/runtime-management-config/?$",
)
_STATUS = {"get_alias": 200, "update_alias": 200, "delete_alias": 204}
_STATUS |= {"add_permission": 201, "delete_layer_version": 204, "tag_resource": 204}


def apply() -> None:
    """Apply every change."""
    _complete_configurations()
    _check_requests()
    _correct_statuses()
    _add_operations()
    _check_permissions()
    _find_versions()


def _find_versions() -> None:
    """moto returns no versions for a function that does not exist."""
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import LambdaBackend

    by_moto = LambdaBackend.list_versions_by_function

    def list_versions_by_function(backend: Any, function_name: str) -> Any:
        found = list(by_moto(backend, function_name))
        if not found:
            name = unquote(function_name).rpartition(":function:")[2]
            arn = f"arn:aws:lambda:{backend.region_name}:{backend.account_id}:function:{name}"
            raise UnknownFunctionException(arn)
        return found

    replace(LambdaBackend, "list_versions_by_function", list_versions_by_function)


def _complete_configurations() -> None:
    """Add the fields of a function's configuration that moto omits, and its revision, which each change renews."""
    from moto.awslambda.models import LambdaFunction

    get, update, set_code = (
        getattr(LambdaFunction, name) for name in ("get_configuration", "update_configuration", "update_function_code")
    )

    def get_configuration(function: Any, *args: Any, **options: Any) -> dict[str, Any]:
        given = get(function, *args, **options)
        group = f"/aws/lambda/{function.function_name}"
        config = {name: value for name, value in given.items() if value not in (None, []) or name == "Description"}
        config["LastModified"] = f"{function.last_modified[:23]}+0000"
        config["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": group, **(config.get("LoggingConfig") or {})}
        config["RevisionId"] = function.__dict__.setdefault("millrace_revision", str(uuid.uuid4()))
        if function.run_time:
            runtime = hashlib.sha256(function.run_time.encode()).hexdigest()
            arn = f"arn:aws:lambda:{function.region}::runtime:{runtime}"
            config["RuntimeVersionConfig"] = {"RuntimeVersionArn": arn}
        if options.get("on_create"):
            config |= {"State": "Pending", "StateReason": _CREATING[0], "StateReasonCode": _CREATING[1]}
        return config

    def renewed(change: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
        def changed(function: Any, *args: Any) -> dict[str, Any]:
            change(function, *args)
            if not args[0].get("DryRun"):
                function.millrace_revision = str(uuid.uuid4())
            reason = {"LastUpdateStatusReason": _CREATING[0], "LastUpdateStatusReasonCode": _CREATING[1]}
            return {**function.get_configuration(), "LastUpdateStatus": "InProgress", **reason}

        return changed

    replace(LambdaFunction, "get_configuration", get_configuration)
    replace(LambdaFunction, "update_configuration", renewed(update))
    replace(LambdaFunction, "update_function_code", renewed(set_code))


def _check_requests() -> None:
    """Reject a name or settings that no function can have, and a change of another revision than the latest."""
    from moto.awslambda.responses import LambdaResponse

    def on_latest(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def checked(response: Any) -> Any:
            name = response.path.rsplit("/", 2)[-2]
            given = response.json_body.get("RevisionId")
            function = response.backend.get_function(unquote(name)) if given else None
            if function is not None and function.get_configuration()["RevisionId"] != given:
                raise api_error(STALE_REVISION, "PreconditionFailedException", 412)
            check(response.json_body)
            return change(response)

        return checked

    create, publish = LambdaResponse.create_function, on_latest(LambdaResponse.publish_version)

    def create_function(response: Any) -> Any:
        name = str(response.json_body.get("FunctionName"))
        if not re.fullmatch(_NAME_PATTERN, name):
            rule = f"Member must satisfy regular expression pattern: {_NAME_PATTERN}"
            raise invalid_member("functionName", name, rule)
        check_new(response.json_body)
        return create(response)

    def publish_version(response: Any) -> Any:
        given = response.json_body.get("CodeSha256")
        function = response.backend.get_function(unquote(response.path.rsplit("/", 2)[-2])) if given else None
        if function is not None and given != function.code_sha_256:
            message = (
                f"CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({function.code_sha_256}). "
            )
            raise api_error(f"{message}Please try again with the CodeSHA256 in $LATEST.")
        return publish(response)

    replace(LambdaResponse, "create_function", create_function)
    replace(LambdaResponse, "publish_version", publish_version)
    for name in ("update_function_code", "update_function_configuration"):
        replace(LambdaResponse, name, on_latest(getattr(LambdaResponse, name)))


def _correct_statuses() -> None:
    """moto answers some operations with another status than Lambda."""
    from moto.awslambda.responses import LambdaResponse

    def with_status(answer: Callable[[Any], Any], status: int) -> Callable[[Any], Any]:
        def answered(response: Any) -> Any:
            given = answer(response)
            found, headers, body = given if isinstance(given, tuple) else (200, {}, given)
            right = status if found in (200, 201) else found
            no_content = 204
            return right, {**headers, "status": right}, "" if right == no_content else body

        return answered

    for name, status in _STATUS.items():
        replace(LambdaResponse, name, with_status(getattr(LambdaResponse, name), status))


def _add_operations() -> None:
    """Add operations that moto lacks."""
    from moto.awslambda import urls
    from moto.awslambda.responses import LambdaResponse

    def get_account_settings(response: Any) -> str:
        functions = list(response.backend.list_functions())
        reserved = sum(int(function.reserved_concurrency or 0) for function in functions)
        limit = {
            "TotalCodeSize": CODE_SIZE_LIMIT,
            "CodeSizeUnzipped": UNZIPPED_LIMIT,
            "CodeSizeZipped": ZIPPED_LIMIT,
            "ConcurrentExecutions": CONCURRENCY_LIMIT,
            "UnreservedConcurrentExecutions": CONCURRENCY_LIMIT - reserved,
        }
        size = sum(function.code_size for function in functions)
        usage = {"TotalCodeSize": size, "FunctionCount": len(functions)}
        return json.dumps({"AccountLimit": limit, "AccountUsage": usage})

    def function_of(response: Any) -> Any:
        return response.backend.get_function(unquote(response.path.rsplit("/", 2)[-2]))

    def get_function_recursion_config(response: Any) -> str:
        return json.dumps({"RecursiveLoop": getattr(function_of(response), "recursive_loop", "Terminate")})

    def put_function_recursion_config(response: Any) -> str:
        chosen = response.json_body.get("RecursiveLoop")
        if chosen not in ("Allow", "Terminate"):
            raise invalid_member("recursiveLoop", chosen, "Member must satisfy enum value set: [Allow, Terminate]")
        function_of(response).recursive_loop = chosen
        return get_function_recursion_config(response)

    def get_runtime_management_config(response: Any) -> str:
        return json.dumps({"UpdateRuntimeOn": "Auto", "FunctionArn": function_of(response).function_arn})

    added = (
        get_account_settings,
        get_function_recursion_config,
        put_function_recursion_config,
        get_runtime_management_config,
    )
    for operation in added:
        add(LambdaResponse, operation.__name__, operation)
    for path in _PATHS:
        urls.url_paths[f"{{0}}{path}"] = LambdaResponse.dispatch


def _check_permissions() -> None:
    """moto accepts a statement id twice, ignores the alias in an ARN, and deletes $LATEST alone.

    https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
    """
    from moto.awslambda.models import LambdaBackend

    add_by_moto, remove = LambdaBackend.add_permission, LambdaBackend.remove_permission
    delete = LambdaBackend.delete_function

    def add_permission(backend: Any, function_name: str, qualifier: str | None, raw: str) -> Any:
        statement_id, function = json.loads(raw).get("StatementId"), backend.get_function(function_name)
        qualifier = qualifier or function_name.rpartition("function:")[2].partition(":")[2] or None
        if not re.fullmatch(_STATEMENT_ID, str(statement_id)):
            rule = f"Member must satisfy regular expression pattern: {_STATEMENT_ID}"
            raise invalid_member("statementId", statement_id, rule)
        if qualifier == "$LATEST":
            raise api_error("We currently do not support adding policies for $LATEST.")
        resource = f"{function.function_arn}:{qualifier}" if qualifier else function.function_arn
        if (statement_id, resource) in [(each.get("Sid"), each.get("Resource")) for each in function.policy.statements]:
            message = f"The statement id ({statement_id}) provided already exists. Please provide a new statement id, "
            raise api_error(f"{message}or remove the existing statement.", "ResourceConflictException", 409)
        return add_by_moto(backend, function_name, qualifier, raw)

    def remove_permission(backend: Any, function_name: str, sid: str, revision: str = "") -> None:
        if sid not in [each.get("Sid") for each in backend.get_function(function_name).policy.statements]:
            message = f"Statement {sid} is not found in resource policy."
            raise api_error(message, "ResourceNotFoundException", 404)
        remove(backend, function_name, sid, revision)

    def delete_function(backend: Any, function_name: str, qualifier: str | None = None) -> None:
        if (qualifier or function_name).endswith("$LATEST"):
            raise api_error("$LATEST version cannot be deleted without deleting the function.")
        delete(backend, function_name, qualifier)

    replace(LambdaBackend, "delete_function", delete_function)
    replace(LambdaBackend, "add_permission", add_permission)
    replace(LambdaBackend, "remove_permission", remove_permission)
