"""Calls of any service by botocore's models: `aws-sdk` integrations, and DynamoDB, SNS, SQS and S3.

https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from millrace.local.core.botocore_models import session
from millrace.local.services.iam import Iam
from millrace.local.services.stepfunctions.interpreter.environment import Call
from millrace.local.services.stepfunctions.interpreter.integrations import shapes
from millrace.local.services.stepfunctions.interpreter.integrations.background import Background
from millrace.local.services.stepfunctions.interpreter.integrations.failures import (
    model_name,
    model_of,
    of_client_error,
    of_parameters,
)
from millrace.local.services.stepfunctions.interpreter.integrations.metadata import has_metadata, metadata
from millrace.local.services.stepfunctions.interpreter.pending import Pending

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_CONNECTIONS = 50


class Sdk:
    """Clients of the local cloud, which sign with the role of a state machine."""

    def __init__(self, region: "AccountRegion", background: Background) -> None:
        self._region = region
        self._background = background
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = Lock()

    def call(self, call: Call) -> Pending:
        """Call an operation on a thread."""
        caller, service = call.caller, call.resource.service
        keys = self._region.service(Iam).access.session(caller.role, caller.machine_name)
        return self._background.run(lambda: self._call(call, keys), f"{service}:{call.resource.action}")

    def _call(self, call: Call, keys: dict[str, str]) -> Any:
        """Call an operation. Runs on any thread."""
        service, action = call.resource.service, call.resource.action
        try:
            client = self._client(model_name(service), keys)
            operation = model_of(service).operation_model(action[:1].upper() + action[1:])
            parameters = shapes.request(call.parameters, operation.input_shape)
            response = getattr(client, xform_name(operation.name))(**parameters)
        except ClientError as error:
            raise of_client_error(service, error) from error
        except Exception as error:  # the parameters are those of the definition: any may be wrong
            raise of_parameters(service, error) from error
        received = response.pop("ResponseMetadata", {})
        if call.raw:
            return {name: value.read() if hasattr(value, "read") else value for name, value in response.items()}
        is_sdk = service.startswith("aws-sdk:")
        shaped = shapes.response(response, operation.output_shape, in_pascal_case=is_sdk)
        if not has_metadata(service):
            return shaped
        return shaped | metadata(service, shaped, received.get("RequestId", ""), self._region.clock.now())

    def _client(self, service: str, keys: dict[str, str]) -> Any:
        from moto.settings import moto_server_port

        with self._lock:
            known = (service, keys["AWS_ACCESS_KEY_ID"])
            if known not in self._clients:
                self._clients[known] = session(self._region.name, keys).client(
                    service,
                    endpoint_url=f"http://127.0.0.1:{moto_server_port()}",
                    config=Config(
                        parameter_validation=False,
                        retries={"total_max_attempts": 1},
                        inject_host_prefix=False,
                        s3={"addressing_style": "path"},
                        max_pool_connections=_CONNECTIONS,
                    ),
                )
            return self._clients[known]
