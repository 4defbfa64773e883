"""Requests to the functions of custom resources, and their responses at a presigned URL of a bucket.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.registry.calls import Cloud

FRAMEWORK = "framework.onEvent"
"""Handler of the function with which CDK's provider framework calls a user's functions."""
ON_EVENT, IS_COMPLETE = "USER_ON_EVENT_FUNCTION_ARN", "USER_IS_COMPLETE_FUNCTION_ARN"
_BUCKET = "cloudformation-custom-resource-response-{region}-{account}"
_POLL_SECONDS = 0.05
MAX_WAIT_SECONDS = 30.0
"""AWS waits for an hour, or for ServiceTimeout; a local function answers at once or not at all."""


class CustomResourceError(RuntimeError):
    """A custom resource whose function failed or did not respond."""


@dataclass(frozen=True)
class Answer:
    """What the provider of a custom resource returned: the value of Ref, and the values of Fn::GetAtt."""

    physical_id: str
    data: dict[str, Any]


@dataclass(frozen=True)
class CustomRequest:
    """A change of a custom resource: `old` is None at creation, `new` at deletion."""

    type: str
    logical_id: str
    stack: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    physical_id: str

    @property
    def token(self) -> str:
        """The ARN of the function."""
        return str((self.new or self.old or {}).get("ServiceToken"))

    def event(self, cloud: Cloud, url: str) -> dict[str, Any]:
        """Return the event of the function. CloudFormation sends numbers and booleans as text."""
        arn = f"arn:{cloud.partition}:cloudformation:{cloud.region}:{cloud.account}:stack/{self.stack}/millrace"
        event: dict[str, Any] = {
            "RequestType": "Create" if self.old is None else "Delete" if self.new is None else "Update",
            "ServiceToken": self.token,
            "ResponseURL": url,
            "StackId": arn,
            "RequestId": str(uuid.uuid4()),
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.type,
            "ResourceProperties": _as_text(self.new or self.old),
        }
        if self.old is not None:
            event["PhysicalResourceId"] = self.physical_id
        if self.old is not None and self.new is not None:
            event["OldResourceProperties"] = _as_text(self.old)
        return event


def _as_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_text(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_as_text(member) for member in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def send(cloud: Cloud, request: CustomRequest) -> Answer:
    """Invoke the function of a custom resource and return its answer. Raises CustomResourceError."""
    client: Any = cloud.clients("lambda")
    if ":lambda:" not in request.token:
        raise CustomResourceError(f"The local cloud calls functions as service tokens, not {request.token}.")
    function = client.get_function_configuration(FunctionName=request.token)
    variables = (function.get("Environment") or {}).get("Variables") or {}
    if function.get("Handler") == FRAMEWORK and ON_EVENT in variables:
        return _Framework(cloud, request, variables).answer()
    return _at_response_url(cloud, request)


def _at_response_url(cloud: Cloud, request: CustomRequest) -> Answer:
    client: Any = cloud.clients("s3")
    s3_object = {"Bucket": _BUCKET.format(region=cloud.region, account=cloud.account), "Key": str(uuid.uuid4())}
    location = {"CreateBucketConfiguration": {"LocationConstraint": cloud.region}}
    client.create_bucket(Bucket=s3_object["Bucket"], **({} if cloud.region == "us-east-1" else location))
    try:
        url = client.generate_presigned_url("put_object", Params=s3_object, ExpiresIn=3600)
        invoke(cloud, request.token, request.event(cloud, url), request.logical_id)
        response = _response(client, s3_object, request)
    finally:
        client.delete_object(**s3_object)
        client.delete_bucket(Bucket=s3_object["Bucket"])
    if response.get("Status") != "SUCCESS":
        raise CustomResourceError(f"{request.token} responded {response.get('Status')}: {response.get('Reason')}")
    return Answer(str(response.get("PhysicalResourceId") or request.physical_id), dict(response.get("Data") or {}))


def _response(client: Any, s3_object: dict[str, str], request: CustomRequest) -> dict[str, Any]:
    """Return the response. A function can return before another one has sent it."""
    wait = min(float((request.new or request.old or {}).get("ServiceTimeout") or MAX_WAIT_SECONDS), MAX_WAIT_SECONDS)
    deadline = time.monotonic() + wait
    while True:
        try:
            found: dict[str, Any] = json.loads(client.get_object(**s3_object)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
        else:
            return found
        if time.monotonic() > deadline:
            raise CustomResourceError(
                f"{request.token} sent no response to the ResponseURL of {request.logical_id} within {wait:g} s. Send "
                "one with cfnresponse.send, or by an HTTP PUT."
            )
        time.sleep(_POLL_SECONDS)


def invoke(cloud: Cloud, function: str, event: dict[str, Any], logical_id: str) -> Any:
    """Return the result of a function. Raises CustomResourceError if it fails."""
    client: Any = cloud.clients("lambda")
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event))
    payload = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        reason = f"{payload.get('errorType')}: {payload.get('errorMessage')}"
        raise CustomResourceError(f"The function {function} of {logical_id} failed. {reason}")
    return payload


class _Framework:
    """CDK's provider framework: a function that returns the answer, and one that returns whether it is complete.

    https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html#provider-framework
    """

    def __init__(self, cloud: Cloud, request: CustomRequest, variables: Mapping[str, str]) -> None:
        self._cloud = cloud
        self._request = request
        self._on_event = variables[ON_EVENT]
        self._is_complete = variables.get(IS_COMPLETE)

    def answer(self) -> Answer:
        """Call both functions."""
        event = self._request.event(self._cloud, "...")
        result = {"PhysicalResourceId": self._request.physical_id, **(self._call(self._on_event, event) or {})}
        data = dict(result.get("Data") or {})
        if self._is_complete:
            data |= self._completed({**event, **result})
        return Answer(str(result["PhysicalResourceId"]), data)

    def _completed(self, event: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while not (answer := self._call(str(self._is_complete), event) or {}).get("IsComplete"):
            if time.monotonic() > deadline:
                raise CustomResourceError(f"{self._is_complete} returned no IsComplete within {MAX_WAIT_SECONDS:g} s.")
            time.sleep(_POLL_SECONDS)
        return dict(answer.get("Data") or {})

    def _call(self, function: str, event: dict[str, Any]) -> Any:
        return invoke(self._cloud, function, event, self._request.logical_id)
