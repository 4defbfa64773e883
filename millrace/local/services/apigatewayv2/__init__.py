"""HTTP APIs of Amazon API Gateway.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html
"""

from millrace.local.services.apigatewayv2 import cors, payloads
from millrace.local.services.apigatewayv2.authorizer_cache import AuthorizerCache
from millrace.local.services.apigatewayv2.errors import HttpError, check_size, forbidden, internal_error
from millrace.local.services.apigatewayv2.functions import function_of, invoke
from millrace.local.services.apigatewayv2.payload_v1 import response_of, values_of
from millrace.local.services.apigatewayv2.payloads import Context, decode_body, encode_body
from millrace.local.services.apigatewayv2.routes import match
from millrace.local.services.apigatewayv2.service import HOST, MAX_BODY_BYTES, PATH, HttpApis
from millrace.local.services.apigatewayv2.service_calls import call_service
from millrace.local.services.apigatewayv2.signatures import authorize, authorized_signer

SERVICE = HttpApis

__all__ = [
    "HOST",
    "MAX_BODY_BYTES",
    "PATH",
    "AuthorizerCache",
    "Context",
    "HttpApis",
    "HttpError",
    "authorize",
    "authorized_signer",
    "call_service",
    "check_size",
    "cors",
    "decode_body",
    "encode_body",
    "forbidden",
    "function_of",
    "internal_error",
    "invoke",
    "match",
    "payloads",
    "response_of",
    "values_of",
]
