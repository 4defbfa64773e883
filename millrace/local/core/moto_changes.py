"""Every change to moto's behaviour, with its reason. Tests fail on the day that moto makes one needless.

The patches stand for the whole process; what they do, they do for the planes that are attached.
"""

import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any

from millrace.local.core.botocore_models import models

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion
    from millrace.local.core.account_regions import AccountRegions

_attached: "AccountRegions | None" = None
_patched = False


def settings(port: int) -> None:
    """Set what moto reads from the environment. Call before moto is imported."""
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # or each response would let any web page read it
    os.environ["MOTO_PORT"] = str(port)  # the tasks of a state machine call this endpoint
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    os.environ.setdefault("MOTO_ALLOW_NONEXISTENT_REGION", "true")  # as none is looked up, see below
    os.environ.setdefault("MOTO_ACCOUNT_ID_ENDPOINT_MODE", "disabled")  # or calls to DynamoDB Streams find nothing


Change = Callable[[Callable[..., "AccountRegion"]], None]


def attach(regions: "AccountRegions | None", changes: Iterable[Change] = ()) -> None:
    """Make moto report to the accounts and regions of a cloud; None detaches it.

    `changes` are those of the services; each gets a function from an ARN to its account and region.
    """
    global _attached, _patched  # noqa: PLW0603 - moto's own state is the process's, so this is too
    _attached = regions
    if not _patched:
        _patched = True
        for change in changes:
            change(_region)
        _share_models()
        _take_any_region()
        _build_no_urls()
        _find_operations_once()
        _draw_ids_at_once()


def _region(arn: str = "") -> "AccountRegion":
    """Return the account and region of a resource; home for one that names none. All share one clock."""
    if _attached is None:
        raise RuntimeError("moto was used after its local cloud was closed.")
    return _attached.owner(arn, _attached.home) or _attached.home


def _share_models() -> None:
    """Moto reads the model of a service that the clients have read, again; it adds to some, which it reads itself."""
    import moto.core.utils  # noqa: PLC0415
    from moto.core.loaders import moto_root  # noqa: PLC0415

    read = moto.core.utils._load_service_model

    def load_service_model(service: str, kind: str) -> dict[str, Any]:
        own = Path(moto_root, service.replace("-", ""))
        load = read if any(own.glob(f"*/{kind}.*")) else models().load_service_model
        return dict(load(service, kind))

    moto.core.utils._load_service_model = load_service_model


def _take_any_region() -> None:
    """Moto reads the endpoints of the whole world for the names of its regions. It makes one that it does not know."""
    from moto.core.base_backend import AccountSpecificBackend  # noqa: PLC0415

    every = AccountSpecificBackend._generate_regions

    def generate_regions(backend: Any, service: str) -> list[str]:
        return [_attached.home.name] if _attached else every(backend, service)

    AccountSpecificBackend._generate_regions = generate_regions


def _build_no_urls() -> None:
    """Moto has a builder of URLs compiled for each route of a REST API, and builds no URL."""
    from moto.core.routing import SmithyRule  # noqa: PLC0415

    def build(rule: Any, *_args: Any) -> Any:
        raise NotImplementedError(f"The local cloud builds no URL of {rule}.")

    SmithyRule._compile_builder = lambda _rule, append_unknown=True: build  # noqa: ARG005 - werkzeug's


def _find_operations_once() -> None:
    """Moto looks through all the methods of a service, and takes the operation's name apart, at each call."""
    from moto.core import responses  # noqa: PLC0415

    names = responses.method_names_from_class
    responses.method_names_from_class = lru_cache(256)(lambda service: frozenset(names(service)))
    responses.camelcase_to_underscores = lru_cache(4096)(responses.camelcase_to_underscores)


def _draw_ids_at_once() -> None:
    """Moto draws the 52 characters of a request id one by one, which takes longer than to read an item."""
    from moto.moto_api._internal.moto_random import MotoRandom  # noqa: PLC0415

    def get_random_string(
        source: Any,
        length: int = 20,
        include_digits: bool = True,  # noqa: FBT001, FBT002 - moto's signature
        lower_case: bool = False,  # noqa: FBT001, FBT002
    ) -> str:
        drawn = "".join(source.choices(ascii_letters + digits * include_digits, k=length))
        return drawn.lower() if lower_case else drawn

    MotoRandom.get_random_string = get_random_string
