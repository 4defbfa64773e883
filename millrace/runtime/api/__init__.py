"""What answers HTTP in Lambda: queries, commands, and the door for events from outside.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from millrace.runtime.api.paging import Page, Paging
from millrace.runtime.api.query import Query, query

__all__ = ["Page", "Paging", "Query", "query"]
