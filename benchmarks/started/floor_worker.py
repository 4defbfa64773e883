"""Runs as a process: a line of JSON in, a handler called, a line of JSON out."""

import json
import sys

from benchmarks.started import handlers


def main() -> None:
    """Until the pipe ends."""
    for line in sys.stdin:
        handler, payload = json.loads(line)
        answer = getattr(handlers, handler)(payload, None)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
