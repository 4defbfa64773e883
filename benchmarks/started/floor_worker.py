"""The floor's worker process: reads a line of JSON, calls a handler and writes a line of JSON."""

import json
import sys

from benchmarks.started import handlers


def main() -> None:
    """Run until the pipe closes."""
    for line in sys.stdin:
        handler, payload = json.loads(line)
        answer = getattr(handlers, handler)(payload, None)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
