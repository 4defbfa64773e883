"""Cold start of a packaged function against a Powertools handler by hand: init, first call and warm event.

Each run is a new interpreter with the layer and the code asset as they are packaged, and nothing of this environment
but boto3. AWS answers from another process. The figures are processor time of the interpreter, in milliseconds.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path

from millrace.constructs.function.code import source_paths, stage
from millrace.constructs.function.layer import Target, build_layer
from millrace.constructs.function.requirements import shared_requirements

ROOT = Path(__file__).parents[1]
RUNS, WARM = 9, 100
PROVIDED = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "urllib3", "six")
"""The packages that Lambda's runtime provides."""
BARS = {"init_and_first": 1.2, "first": 1.5, "warm": 1.2}
"""The most that Millrace takes, as a multiple of the handler by hand."""
VARIABLES = {
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_FUNCTION_NAME": "award_points",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "POWERTOOLS_SERVICE_NAME": "award_points",
    "POWERTOOLS_METRICS_NAMESPACE": "Millrace",
    "MILLRACE_BUS": "shop",
    "MILLRACE_SCOPE": "Loyalty/AwardPoints",
    "MILLRACE_IDEMPOTENCY_TABLE": "records",
    "MILLRACE_IDEMPOTENCY_SECONDS": "3600",
    "MILLRACE_TABLE_POINTS": "points",
    "PYTHONDONTWRITEBYTECODE": "1",
}
ANSWERS = {
    "AWSEvents.PutEvents": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
    "DynamoDB_20120810.UpdateItem": {"Attributes": {"total": {"N": "7"}, "points": {"N": "7"}}},
}


@dataclass(frozen=True)
class Cold:
    """Medians in milliseconds of processor time, for Millrace and by hand."""

    ours: dict[str, float]
    by_hand: dict[str, float]

    @property
    def ratios(self) -> dict[str, float]:
        return {name: self.ours[name] / self.by_hand[name] for name in self.ours}

    @property
    def holds(self) -> bool:
        return all(self.ratios[name] <= bar for name, bar in BARS.items())


def cold(runs: int = RUNS) -> Cold:
    """Measure both handlers in turns."""
    machine = {"aarch64": "arm64", "arm64": "arm64"}.get(os.uname().machine, "x86_64")
    layer = build_layer(shared_requirements(), Target(machine, f"{sys.version_info.major}.{sys.version_info.minor}"))
    asset = stage("award_points", source_paths("award_points"))
    by_hand = Path(__file__).parent / "started"
    found: dict[str, list[dict[str, float]]] = {"ours": [], "by_hand": []}
    with tempfile.TemporaryDirectory() as provided, _Aws() as endpoint:
        _provide(Path(provided))
        for _ in range(runs):
            for name, code, module in (
                ("ours", asset, "functions.award_points.handler"),
                ("by_hand", by_hand, "by_hand"),
            ):
                found[name].append(_run([code, layer / "python", Path(provided)], module, endpoint))
    return Cold(*({key: statistics.median(r[key] for r in found[name]) for key in found[name][0]} for name in found))


def as_text(found: Cold) -> str:
    """Return a table."""
    lines = [f"{'processor time':<22}{'Millrace':>10}{'by hand':>10}{'ratio':>8}"]
    for name, ratio in found.ratios.items():
        bar = f"   at most {BARS[name]}" if name in BARS else ""
        lines.append(f"{name:<22}{found.ours[name]:>7.1f} ms{found.by_hand[name]:>7.1f} ms{ratio:>8.2f}{bar}")
    return "\n".join(lines)


def _run(path: list[Path], module: str, endpoint: str) -> dict[str, float]:
    program = Path(__file__).parent / "started" / "cold.py"
    command = [sys.executable, "-I", "-S", program, module, str(WARM), *map(str, path)]
    environment = {**VARIABLES, "AWS_ENDPOINT_URL": endpoint}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def _provide(folder: Path) -> None:
    """Link the packages of Lambda's runtime, with their byte code."""
    for package in PROVIDED:
        installed = distribution(package)
        for name in {file.parts[0] for file in installed.files or () if file.parts[0] not in ("..", "__pycache__")}:
            (folder / name).symlink_to(str(installed.locate_file(name)))


class _Aws:
    """A server that accepts every request of the AWS SDK."""

    def __enter__(self) -> str:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait for an acknowledgement

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(ANSWERS.get(self.headers["x-amz-target"], {})).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Suppress the log."""
