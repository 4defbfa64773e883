"""Run a command with an empty local cloud as its AWS endpoint: `python tests/e2e/in_local_cloud.py COMMAND…`."""

import os
import subprocess
import sys
from pathlib import Path

from millrace.local.cloud import LocalCloud

if __name__ == "__main__":
    with LocalCloud(cache=Path(".millrace")) as cloud:
        environment = {**os.environ, **cloud.environment(), "AWS_ENDPOINT_URL": f"http://localhost:{cloud.port}"}
        sys.exit(subprocess.run(sys.argv[1:], env=environment, check=False).returncode)
