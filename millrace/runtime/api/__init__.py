"""Lambda functions behind the HTTP API: queries, commands, the ingress endpoint for external events, and callbacks.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from millrace.runtime.api.paging import Page, Paging
from millrace.runtime.api.query import Query, query

__all__ = ["Page", "Paging", "Query", "query"]
