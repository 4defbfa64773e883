"""What the tests of Lambda's runtime share: workers, functions, and a pipe between a function and its test."""

import os

import pytest
from worker_kit import Bench

from millrace.local.workers import FunctionSpec

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"


@pytest.fixture(scope="module")
def worker_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", params=["fork", "spawn"])
def bench(request, worker_cache):
    bench = Bench(worker_cache, request.param)
    yield bench
    bench.close()


@pytest.fixture
def own_bench(worker_cache):
    """A bench that a test may close."""
    bench = Bench(worker_cache, limit=1)
    yield bench
    bench.close()


@pytest.fixture
def function_spec(tmp_path, request):
    """Write a function's module, and describe the function."""

    def write(source, folder="code", handler="app.handler", **options):
        code = tmp_path / folder
        module = code.joinpath(*handler.split(".")[:-1]).with_suffix(".py")
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text(source)
        name = f"{request.node.name}-{folder}"
        known = {"layers": (), "environment": {}, "timeout": 10.0, "memory_mb": 256}
        place = {"arn": ARN + name, "log_group": f"/aws/lambda/{name}", "code": code}
        return FunctionSpec(name=name, version="$LATEST", handler=handler, **place, **(known | options))

    return write


@pytest.fixture
def gate(tmp_path):
    """A named pipe: a handler that reads it waits until one that writes it has run."""
    os.mkfifo(tmp_path / "gate")
    return str(tmp_path / "gate")
