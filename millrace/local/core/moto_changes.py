"""Changes to moto for all services, with their reasons. Tests fail when moto makes one unnecessary.

The patches affect the whole process. They use the accounts and regions of the attached local cloud.
"""

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any

from millrace.local.core.botocore_models import models
from millrace.local.core.moto_patches import replace

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion
    from millrace.local.core.account_regions import AccountRegions

_attached: "AccountRegions | None" = None
_patched = False


def settings(port: int) -> None:
    """Set moto's environment variables. Call before moto is imported."""
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # moto would allow every web page to read responses
    os.environ["MOTO_PORT"] = str(port)  # tasks of state machines call this endpoint
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    os.environ.setdefault("MOTO_ALLOW_NONEXISTENT_REGION", "true")  # regions are not looked up, see below
    os.environ.setdefault("MOTO_ACCOUNT_ID_ENDPOINT_MODE", "disabled")  # it breaks DynamoDB Streams


Change = Callable[[Callable[..., "AccountRegion"]], None]


def attach(regions: "AccountRegions | None", changes: Iterable[Change] = ()) -> None:
    """Attach moto to the accounts and regions of a local cloud; None detaches it.

    `changes` are those of the services. Each gets a function that returns the AccountRegion of an ARN.
    """
    global _attached, _patched  # noqa: PLW0603 - moto's state is global too
    _attached = regions
    if regions and not _patched:
        _patched = True
        for change in changes:
            change(_region)
        _share_models()
        _accept_any_region()
        _disable_url_builders()
        _cache_operations()
        _draw_ids_faster()
        gc.freeze()  # moto's modules stay: each collection would visit them


@contextmanager
def attached(regions: "AccountRegions", changes: Iterable[Change]) -> Iterator[None]:
    """Attach moto to a cloud for the duration of a block, then to the cloud from before."""
    before = _attached
    attach(regions, changes)
    try:
        yield
    finally:
        attach(before)


def _region(arn: str = "") -> "AccountRegion":
    """Return the account and region of an ARN; home if the ARN has none."""
    if _attached is None:
        raise RuntimeError("moto was used after its local cloud was closed.")
    return _attached.owner(arn, _attached.home) or _attached.home


def _share_models() -> None:
    """moto loads service models that clients have loaded already. Some have additions by moto, so moto loads these."""
    import moto.core.utils
    from moto.core.loaders import moto_root

    original = moto.core.utils._load_service_model

    def load_service_model(service: str, model_name: str) -> dict[str, Any]:
        own = Path(moto_root, service.replace("-", ""))
        load = original if any(own.glob(f"*/{model_name}.*")) else models().load_service_model
        return dict(load(service, model_name))

    replace(moto.core.utils, "_load_service_model", load_service_model)


def _accept_any_region() -> None:
    """moto reads all endpoints for the names of regions, which it does not need: it creates unknown regions."""
    from moto.core.base_backend import AccountSpecificBackend

    original = AccountSpecificBackend._generate_regions

    def generate_regions(backend: Any, service_name: str) -> list[str]:
        return [_attached.home.name] if _attached else original(backend, service_name)

    replace(AccountSpecificBackend, "_generate_regions", generate_regions)


def _disable_url_builders() -> None:
    """moto compiles a URL builder for each route of a REST API, and never uses it."""
    from moto.core.routing import SmithyRule

    def build(rule: Any, *_args: Any) -> Any:
        raise NotImplementedError(f"The local cloud does not build URLs: {rule}")

    def compile_builder(_rule: Any, append_unknown: bool = True) -> Any:  # noqa: ARG001, FBT001, FBT002 - werkzeug's
        return build

    replace(SmithyRule, "_compile_builder", compile_builder)


def _cache_operations() -> None:
    """For each call, moto lists all methods of a service and splits the operation's name."""
    from moto.core import responses

    names = responses.method_names_from_class
    replace(responses, "method_names_from_class", lru_cache(256)(lambda service: frozenset(names(service))))
    replace(responses, "camelcase_to_underscores", lru_cache(4096)(responses.camelcase_to_underscores))


def _draw_ids_faster() -> None:
    """moto draws the 52 characters of a request id one by one, which takes longer than reading an item."""
    from moto.moto_api._internal.moto_random import MotoRandom

    def get_random_string(
        source: Any,
        length: int = 20,
        include_digits: bool = True,  # noqa: FBT001, FBT002 - moto's signature
        lower_case: bool = False,  # noqa: FBT001, FBT002
    ) -> str:
        drawn = "".join(source.choices(ascii_letters + digits * include_digits, k=length))
        return drawn.lower() if lower_case else drawn

    replace(MotoRandom, "get_random_string", get_random_string)
