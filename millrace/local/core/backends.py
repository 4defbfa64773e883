"""moto's backends of one account and region."""

from typing import Any

Environment = tuple[str, str]
"""An account and a region, as in CDK."""
_NAMES = {"lambda_": "lambda"}
_GLOBAL = ("iam", "s3")


class Backends:
    """moto's backends by their names in moto: `backends.sqs`, `backends.lambda_`."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region

    def __getattr__(self, name: str) -> Any:
        """Look up a backend once."""
        if name.startswith("__"):
            raise AttributeError(name)
        from moto.backends import get_backend

        accounts: Any = get_backend(_NAMES.get(name, name))  # type: ignore[call-overload,unused-ignore]
        backend = self.__dict__[name] = accounts[self.account]["aws" if name in _GLOBAL else self.region]
        return backend

    def reset(self) -> None:
        """Look up the backends again."""
        for name in [name for name in self.__dict__ if name not in ("account", "region")]:
            del self.__dict__[name]
