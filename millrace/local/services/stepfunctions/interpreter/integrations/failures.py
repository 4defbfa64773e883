"""How errors of services are named: as by the AWS SDK for Java, which Step Functions uses.

Optimized integrations use its version 1, and `aws-sdk` integrations its version 2. An exception that the model of the
service does not have, as a denial, is named after the service.
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

import uuid
from dataclasses import dataclass
from functools import cache

from botocore.exceptions import ClientError
from botocore.model import ServiceModel

from millrace.local.core.botocore_models import models
from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.interpreter.errors import StateError


@dataclass(frozen=True)
class Service:
    """The names of a service: of its errors, of its base exception, and in causes."""

    prefix: str
    base: str
    name: str
    is_sdk: bool = False


_OPTIMIZED = {
    "dynamodb": Service("DynamoDB", "AmazonDynamoDBException", "AmazonDynamoDBv2"),
    "events": Service("EventBridge", "AmazonEventBridgeException", "AmazonEventBridge"),
    "lambda": Service("Lambda", "AWSLambdaException", "AWSLambda"),
    "s3": Service("S3", "AmazonS3Exception", "Amazon S3"),
    "sns": Service("SNS", "AmazonSNSException", "AmazonSNS"),
    "sqs": Service("SQS", "AmazonSQSException", "AmazonSQS"),
    "states": Service("StepFunctions", "AWSStepFunctionsException", "AWSStepFunctions"),
}
_MODELS = {
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "elasticloadbalancingv2": "elbv2",
    "eventbridge": "events",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}
"""Services that botocore names otherwise than Step Functions."""


def model_name(service: str) -> str:
    """Return botocore's name of a service, which may have the prefix `aws-sdk:`."""
    name = service.removeprefix("aws-sdk:")
    return _MODELS.get(name, name)


@cache
def model_of(service: str) -> ServiceModel:
    """Return botocore's model of a service."""
    name = model_name(service)
    return ServiceModel(models().load_service_model(name, "service-2"), name)


@cache
def service_of(service: str) -> Service:
    """Return the names of the service of a resource."""
    if service in _OPTIMIZED:
        return _OPTIMIZED[service]
    words = str(model_of(service).service_id).replace("DynamoDB", "Dynamo Db").split()
    name = "".join(word.capitalize() if word.isupper() else word for word in words)
    return Service(name, f"{name}Exception", name, is_sdk=True)


def of_client_error(service: str, error: ClientError) -> StateError:
    """Return the error of a response of a service."""
    names, response = service_of(service), error.response
    known, metadata = response["Error"], response["ResponseMetadata"]
    kind = type(error).__name__
    cause = _cause(
        names,
        str(known.get("Message", "")),
        int(metadata["HTTPStatusCode"]),
        str(known.get("Code", "")),
        str(metadata.get("RequestId", "")),
        str(metadata.get("HostId", "")),
    )
    return StateError(f"{names.prefix}.{_exception(names, None if kind == 'ClientError' else kind)}", cause)


def of_api_error(service: str, error: ApiError, request_id: str = "") -> StateError:
    """Return the error of a call that the local cloud answers without a request."""
    names = service_of(service)
    is_modeled = error.code != "AccessDeniedException" and error.code in model_of(service).shape_names
    kind = error.code if is_modeled else None
    cause = _cause(names, error.message, error.status, error.code, request_id or str(uuid.uuid4()))
    return StateError(f"{names.prefix}.{_exception(names, kind)}", cause)


def of_parameters(service: str, error: Exception) -> StateError:
    """Return the error of parameters that cannot be sent."""
    names = service_of(service)
    return StateError(f"{names.prefix}.{names.base if service == 'dynamodb' else 'SdkClientException'}", str(error))


def _exception(names: Service, kind: str | None) -> str:
    if kind is None:
        return names.base
    return kind if kind.endswith("Exception") else f"{kind}Exception"


def _cause(names: Service, message: str, status: int, code: str, request_id: str, host_id: str = "") -> str:
    parts = [f"Service: {names.name}", f"Status Code: {status}"]
    if names.is_sdk:
        parts.append(f"Request ID: {request_id}")
        parts += [f"Extended Request ID: {host_id}"] if host_id else []
        return f"{message} ({', '.join(parts)})"
    parts += [f"Error Code: {code}", f"Request ID: {request_id}", "Proxy: null"]
    return f"{message} ({'; '.join(parts)})"
