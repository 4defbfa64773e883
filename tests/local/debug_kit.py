"""A client of the Debug Adapter Protocol, as VS Code is one: https://microsoft.github.io/debug-adapter-protocol/."""

import json
import socket
from importlib.util import find_spec
from pathlib import Path

PACKAGES = str(Path(find_spec("debugpy").origin).parents[1])


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class DebugClient:
    """Attaches to a port, with one breakpoint in a file."""

    def __init__(self, port, file, line):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._received = self._socket.makefile("rb")
        self._sent = 0
        self._request("initialize", adapterID="debugpy", pathFormat="path")
        self._request("attach", justMyCode=True)
        self._request("setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line}])
        self._request("configurationDone")

    def stopped(self):
        """Wait until it stops; gives the file, line and local variables."""
        thread = self._until("event", "stopped")["threadId"]
        frame = self._request("stackTrace", threadId=thread)["stackFrames"][0]
        scope = self._request("scopes", frameId=frame["id"])["scopes"][0]
        found = self._request("variables", variablesReference=scope["variablesReference"])["variables"]
        return frame["source"]["path"], frame["line"], {each["name"]: each["value"] for each in found}

    def go_on(self):
        """Continue without breakpoints."""
        self._request("continue", threadId=1)
        self._request("disconnect", terminateDebuggee=False)
        self._socket.close()

    def _request(self, command, **arguments):
        self._sent += 1
        message = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self._until("command", command)

    def _until(self, kind, name):
        while True:
            length = 0
            while line := self._received.readline().strip():
                length = int(line.partition(b":")[2])
            message = json.loads(self._received.read(length))
            if message.get(kind) == name:
                assert message.get("success", True), message
                return message.get("body") or {}
