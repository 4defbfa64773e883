"""Function URLs of AWS Lambda.

https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
"""

from millrace.local.services.lambda_urls.service import FunctionUrls

SERVICE = FunctionUrls

__all__ = ["FunctionUrls"]
