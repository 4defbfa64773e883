"""REST APIs of Amazon API Gateway.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-rest-api.html
"""

from millrace.local.services.apigateway.service import RestApis

SERVICE = RestApis

__all__ = ["RestApis"]
