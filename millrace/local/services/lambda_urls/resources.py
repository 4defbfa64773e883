"""Function URLs.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-url.html
"""

from millrace.local.cloudformation.registry.calls import Call, props
from millrace.local.cloudformation.registry.errors import UnsupportedError
from millrace.local.cloudformation.registry.steps import Setting
from millrace.local.cloudformation.registry.types import Properties, ResourceType

_URL = props("AuthType", "Cors", "InvokeMode")
_TARGET = props(TargetFunctionArn="FunctionName") | props("Qualifier")


def _buffered(properties: Properties) -> Properties:
    if properties.get("InvokeMode") == "RESPONSE_STREAM":
        user = str(properties.get("TargetFunctionArn"))
        raise UnsupportedError("AWS::Lambda::Url.InvokeMode 'RESPONSE_STREAM'", user, "set it to 'BUFFERED'")
    return properties


URL = ResourceType(
    "AWS::Lambda::Url",
    "lambda",
    create=Call("create_function_url_config", _TARGET | _URL),
    id="{FunctionArn}",
    attributes={"FunctionArn": "{FunctionArn}", "FunctionUrl": "{FunctionUrl}"},
    steps=(Setting(Call("update_function_url_config", _URL, {"FunctionName": "{id}"}), at_creation=False),),
    delete=(Call("delete_function_url_config", by={"FunctionName": "{id}"}),),
    immutable=frozenset({"Qualifier", "TargetFunctionArn"}),
    defaults={"Cors": {}, "InvokeMode": "BUFFERED"},
    reshape=_buffered,
)

TYPES = (URL,)
