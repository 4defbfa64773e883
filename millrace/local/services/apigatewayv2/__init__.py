"""HTTP APIs of Amazon API Gateway that invoke functions.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html
"""

from millrace.local.services.apigatewayv2.errors import HttpError, forbidden, internal_error
from millrace.local.services.apigatewayv2.functions import function_of, invoke
from millrace.local.services.apigatewayv2.payloads import MalformedResultError, decode_body, encode_body, response_of
from millrace.local.services.apigatewayv2.routes import match
from millrace.local.services.apigatewayv2.service import HOST, MAX_BODY_BYTES, PATH, HttpApis, check_size
from millrace.local.services.apigatewayv2.signatures import authorize

SERVICE = HttpApis

__all__ = [
    "HOST",
    "MAX_BODY_BYTES",
    "PATH",
    "HttpApis",
    "HttpError",
    "MalformedResultError",
    "authorize",
    "check_size",
    "decode_body",
    "encode_body",
    "forbidden",
    "function_of",
    "internal_error",
    "invoke",
    "match",
    "response_of",
]
