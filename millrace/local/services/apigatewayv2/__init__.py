"""HTTP APIs of Amazon API Gateway that invoke functions.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html
"""

from millrace.local.services.apigatewayv2.service import HttpApis

SERVICE = HttpApis

__all__ = ["HttpApis"]
