"""Changes to moto's HTTP APIs."""

import os
from typing import Any


def apply(_region: Any) -> None:
    """Change the endpoint of HTTP APIs: moto names it at AWS, and the local cloud serves it here."""
    from moto.apigatewayv2.models import Api  # noqa: PLC0415

    make = Api.__init__

    def __init__(api: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        make(api, *args, **kwargs)
        api.api_endpoint = f"http://{api.api_id}.execute-api.localhost:{os.environ['MOTO_PORT']}"

    Api.__init__ = __init__
