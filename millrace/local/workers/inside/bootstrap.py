"""Where a zygote, or a spawned worker, begins: `python -I -S bootstrap.py <module> <settings, JSON>`."""

import importlib
import json
import sys
import types
from pathlib import Path

_PACKAGE = "_millrace_inside"


def main() -> None:
    """Run one of the modules in this folder, under a separate package name."""
    package = types.ModuleType(_PACKAGE)
    package.__path__ = [str(Path(__file__).resolve().parent)]
    sys.modules[_PACKAGE] = package
    name, settings = sys.argv[1:]
    sys.argv[1:] = []
    importlib.import_module(f"{_PACKAGE}.{name}").main(**json.loads(settings))


if __name__ == "__main__":
    main()
