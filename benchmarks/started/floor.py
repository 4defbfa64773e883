"""The floor's process: PutEvents and StartExecution over HTTP, and two workers with all handlers."""

import asyncio
import contextlib
import json
import signal
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from benchmarks import stack

WORKERS = 2
Payload = dict[str, Any]
Job = tuple[str, Payload, Callable[[Payload], None]]


class Workers:
    """Workers that take jobs from a queue."""

    def __init__(self) -> None:
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        """Start the workers and wait until they are warm."""
        pipe = asyncio.subprocess.PIPE
        for _ in range(WORKERS):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.started.floor_worker", stdin=pipe, stdout=pipe
            )
            self.processes.append(process)
            asyncio.create_task(self._serve(process))  # noqa: RUF006 - it ends with the loop

    def run(self, handler: str, payload: Payload, done: Callable[[Payload], None] = lambda _: None) -> None:
        """Call a handler once."""
        self._jobs.put_nowait((handler, payload, done))

    async def _serve(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        while True:
            handler, payload, done = await self._jobs.get()
            process.stdin.write(json.dumps([handler, payload]).encode() + b"\n")
            done(json.loads(await process.stdout.readline()))


class Endpoint(asyncio.Protocol):
    """The part of HTTP that boto3 needs: sequential requests with a content-length, keep-alive."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found:
            headers = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
            length = int(headers.get(b"content-length", 0))
            if len(body) >= length:
                self._received = body[length:]
                self._answer(headers.get(b"x-amz-target", b""), body[:length])

    def _answer(self, target: bytes, body: bytes) -> None:
        answer: Payload = {}
        if target == b"awsevents.putevents":
            answer = self._put(json.loads(body)["Entries"])
        elif target == b"awsstepfunctions.startexecution":
            answer = self._execute(json.loads(json.loads(body)["input"]))
        text = json.dumps(answer).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(text) + text)

    def _put(self, entries: list[Payload]) -> Payload:
        for entry in entries:
            event = {"detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
            self._workers.run(stack.ROUTES[entry["DetailType"]], event)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "floor"} for _ in entries]}

    def _execute(self, state: Payload) -> Payload:
        left = deque(stack.STEPS)

        def step(payload: Payload) -> None:
            if left:
                left.popleft()
                self._workers.run("task", payload, step)

        step(state)
        return {"executionArn": "floor", "startDate": 0}


async def main(port: int) -> None:
    """Serve until SIGTERM."""
    workers, ended, loop = Workers(), asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await workers.start()
    server = await loop.create_server(lambda: Endpoint(workers), "127.0.0.1", port)
    await ended.wait()
    server.close()
    for process in workers.processes:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
