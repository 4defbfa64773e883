"""Runs as a process: a local cloud with an assembly deployed, until SIGTERM."""

import cProfile
import signal
import sys
import threading
import time
from pathlib import Path

from millrace.local.cloud import LocalCloud


def main(port: str, assembly: str, cache: str, up: str, profile: str = "") -> None:
    """Start, deploy, say so by a file, wait. `profile` takes what the plane's thread did after that."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    profiler = cProfile.Profile(time.thread_time)  # what others do to the machine does not count
    with LocalCloud(port=int(port), cache=Path(cache)) as cloud:
        cloud.deploy(Path(assembly))
        if profile:
            cloud.on_loop(profiler.enable)
        Path(up).touch()
        ended.wait()
        if profile:
            cloud.on_loop(profiler.disable)
            profiler.dump_stats(profile)


if __name__ == "__main__":
    main(*sys.argv[1:])
