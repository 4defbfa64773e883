"""Inline source of functions in templates, zipped as Lambda zips it."""

import io
import zipfile
from typing import Any

_EPOCH = (1980, 1, 1, 0, 0, 0)
_CFNRESPONSE = '''
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html"""
import json
import urllib.request

SUCCESS, FAILED = "SUCCESS", "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    body = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {context.log_stream_name}",
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    headers = {"content-type": ""}
    url = event["ResponseURL"]
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="PUT")
    urllib.request.urlopen(request).close()
'''
"""The module that AWS adds to inline source."""


def code(properties: dict[str, Any]) -> dict[str, Any]:
    """Return a function's Code, with inline source zipped as index.py, next to the module cfnresponse if it is used.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
    """
    if "ZipFile" not in properties:
        return properties
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py", _EPOCH), properties["ZipFile"])
        if "cfnresponse" in properties["ZipFile"]:
            archive.writestr(zipfile.ZipInfo("cfnresponse.py", _EPOCH), _CFNRESPONSE)
    return {**properties, "ZipFile": zipped.getvalue()}
