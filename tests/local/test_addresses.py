"""`millrace up` prints the URLs of APIs and functions, and the outputs of the stacks."""

from types import SimpleNamespace

from millrace.local.addresses import addresses
from millrace.local.cloudformation.registry import Resource

ARN = "arn:aws:lambda:us-east-1:123456789012:function:greet"


def resource(kind, id_, **properties):
    attributes = {"FunctionUrl": "http://127.0.0.1:1/_aws/lambda-url/x/"} if kind == "AWS::Lambda::Url" else {}
    return Resource(kind, id_, id_, id_, properties, attributes, {})


def test_urls_of_apis_and_functions_and_outputs_are_listed():
    resources = (
        resource("AWS::ApiGatewayV2::Api", "h1", Name="shop"),
        resource("AWS::ApiGateway::RestApi", "r1", Name="orders"),
        resource("AWS::ApiGateway::Stage", "prod", RestApiId="r1"),
        resource("AWS::Lambda::Url", ARN, TargetFunctionArn=ARN),
        resource("AWS::SQS::Queue", "q"),
    )
    stack = SimpleNamespace(
        resources={each.physical_id: each for each in resources},
        outputs={"Endpoint": "http://localhost/", "ExportsOutputRefBus": "bus"},
    )
    assert list(addresses({"Shop": stack}, "http://127.0.0.1:1")) == [
        "API shop: http://127.0.0.1:1/_aws/execute-api/h1/",
        "API orders: http://127.0.0.1:1/_aws/execute-api/r1/prod/",
        "Function URL of greet: http://127.0.0.1:1/_aws/lambda-url/x/",
        "Shop.Endpoint: http://localhost/",
    ]
