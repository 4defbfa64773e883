"""The process of a local cloud with a deployed assembly, until SIGTERM."""

import cProfile
import signal
import sys
import threading
import time
from pathlib import Path

from millrace.local.cloud import LocalCloud


def main(port: str, assembly: str, cache: str, up: str, profile: str = "") -> None:
    """Start, deploy, create a file when ready, and wait. `profile` is the file for the scheduler's profile."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    profiler = cProfile.Profile(time.thread_time)  # what others do to the machine does not count
    shared = [Path(up).parent]  # the functions record their events there
    with LocalCloud(port=int(port), cache=Path(cache), shared=shared) as cloud:
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
