"""Changes to moto's HTTP APIs."""

import os
from typing import Any

from millrace.local.core.moto_patches import replace


def apply(_region: Any) -> None:
    """Set the endpoint of HTTP APIs to the local cloud; moto gives the one at AWS."""
    from moto.apigatewayv2.models import Api  # noqa: PLC0415

    init_by_moto = Api.__init__

    def __init__(api: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        init_by_moto(api, *args, **kwargs)
        api.api_endpoint = f"http://{api.api_id}.execute-api.localhost:{os.environ['MOTO_PORT']}"

    replace(Api, "__init__", __init__)
