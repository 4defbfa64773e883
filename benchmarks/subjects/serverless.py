"""serverless-offline with its EventBridge plugin, from npm.

https://github.com/dherault/serverless-offline, https://github.com/rubenkaiser/serverless-offline-eventBridge
"""

import json
import os
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import stack
from benchmarks.environments import HOME, SERVERLESS, node_environment, program
from benchmarks.subjects.subject import KEYS, REGION, Site, Subject

_STARTED = Path(__file__).parents[1] / "started"


class ServerlessOffline(Subject):
    """serverless-offline, which reads functions and rules from its service file at the start."""

    name = "serverless-offline"
    lacks: ClassVar[Mapping[str, str]] = {"machine": "runs no state machines"}

    def install(self) -> None:
        """Install the framework, its local runner and the EventBridge plugin."""
        node_environment("serverless", SERVERLESS)

    def prepare(self, site: Site) -> None:
        """Write the folder of the service."""
        shutil.copy(stack.SOURCE, site.folder / "index.py")
        (site.folder / "node_modules").symlink_to(HOME / "serverless" / "node_modules")
        (site.folder / "package.json").write_text("{}")
        (site.folder / "serverless.json").write_text(json.dumps(self._service(site)))

    def command(self, site: Site) -> Sequence[str]:
        """Return the command, with a preload that keeps servers on the loopback interface."""
        serverless = site.folder / "node_modules" / "serverless" / "bin" / "serverless.js"
        return [program("node"), "--require", str(_STARTED / "loopback.js"), str(serverless), "offline", "start"]

    def environment(self, site: Site) -> dict[str, str]:
        """Return settings without telemetry and with this Python."""
        path = f"{Path(sys.executable).parent}:{Path(program('node')).parent}:{os.environ.get('PATH', '')}"
        quiet = {
            "SLS_TELEMETRY_DISABLED": "1",
            "SLS_NOTIFICATIONS_MODE": "off",
            "CI": "1",
            "SLS_INTERACTIVE_SETUP_ENABLE": "0",
        }
        return {"PATH": path, "HOME": str(site.folder), **quiet}

    def is_up(self, site: Site) -> bool:
        """Return whether its port accepts connections: it has no health page."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", site.port)) == 0

    def _service(self, site: Site) -> dict[str, Any]:
        settings = {**KEYS, "BENCH_RECORD": str(site.record), "AWS_ENDPOINT_URL": site.endpoint}
        return {
            "service": "bench",
            "frameworkVersion": "3",
            "configValidationMode": "off",
            "provider": {"name": "aws", "region": REGION, "runtime": "python3.13", "environment": settings},
            "plugins": ["serverless-offline", "serverless-offline-aws-eventbridge"],
            "custom": {
                "serverless-offline": {
                    "httpPort": site.third_port,
                    "lambdaPort": site.fourth_port,
                    "host": "127.0.0.1",
                    "noTimeout": True,
                },
                "serverless-offline-aws-eventbridge": {"port": site.port, "pubSubPort": site.second_port},
            },
            "functions": _functions(max(1, site.rules)),
        }


def _functions(rules: int) -> dict[str, Any]:
    functions: dict[str, Any] = {
        name: {"handler": f"index.{handler}", "timeout": 60, "events": [_rule(stack.BUS, _pattern(name))]}
        for name, handler in stack.ROUTES.items()
    }
    patterns = [stack.matching_pattern(), *(stack.other_pattern(number) for number in range(1, rules))]
    functions["Sink"]["events"] += [_rule(stack.MANY, pattern) for pattern in patterns]
    return functions


def _pattern(name: str) -> dict[str, Any]:
    return {"source": ["bench"], "detail-type": [name]}


def _rule(bus: str, pattern: dict[str, Any]) -> dict[str, Any]:
    return {"eventBridge": {"eventBus": bus, "pattern": pattern}}
