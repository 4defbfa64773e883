"""HTTP APIs of Amazon API Gateway, in front of functions.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html
"""

from millrace.local.services.apigatewayv2.apis import HttpApis
from millrace.local.services.apigatewayv2.refusals import Refusal

SERVICE = HttpApis

__all__ = ["HttpApis", "Refusal"]
