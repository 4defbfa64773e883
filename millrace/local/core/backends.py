"""moto's stores for one account and region: what the AWS APIs have created."""

from typing import Any

Environment = tuple[str, str]
"""An account and a region, as CDK calls them."""
_NAMES = {"lambda_": "lambda"}
_GLOBAL = ("iam", "s3")


class Backends:
    """moto's backends, read and written in process: `backends.sqs`, `backends.lambda_`, as moto names them."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region

    def __getattr__(self, name: str) -> Any:
        """Look a backend up once. moto is imported after its settings are made, so not at the top."""
        if name.startswith("__"):
            raise AttributeError(name)
        from moto.backends import get_backend  # noqa: PLC0415

        accounts: Any = get_backend(_NAMES.get(name, name))  # type: ignore[call-overload,unused-ignore]
        if name == "stepfunctions":  # get_backend gives the interpreter's store, which moto's API does not use here
            from moto.stepfunctions.models import stepfunctions_backends  # noqa: PLC0415

            accounts = stepfunctions_backends
        found = self.__dict__[name] = accounts[self.account]["aws" if name in _GLOBAL else self.region]
        return found

    def reset(self) -> None:
        """Look the backends up again."""
        for name in [name for name in self.__dict__ if name not in ("account", "region")]:
            del self.__dict__[name]
