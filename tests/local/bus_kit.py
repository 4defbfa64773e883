"""Entries, policies, functions and an HTTP server for the tests of EventBridge."""

import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

ACCOUNT = "123456789012"
OTHER, REGION, OTHER_REGION = "111122223333", "us-east-1", "eu-west-1"
ANYTHING = {"source": [{"exists": True}]}


def entry(detail=None, **changed):
    """Return an entry for PutEvents."""
    return {"Source": "shop.orders", "DetailType": "OrderPlaced", "Detail": json.dumps(detail or {}), **changed}


def without_none(settings):
    """Return the settings that are not None."""
    return {name: value for name, value in settings.items() if value is not None}


def policy(*actions, principal="events.amazonaws.com", resource="*", rule=None):
    """Return a policy that allows actions to a service, for one rule or any; without a principal, a role's policy."""
    allowed = {"Effect": "Allow", "Action": actions, "Resource": resource}
    named = {"Principal": {"Service": principal}} if principal else {}
    condition = {"Condition": {"ArnEquals": {"aws:SourceArn": rule}}} if rule else {}
    if "sts:AssumeRole" in actions:
        del allowed["Resource"]
    return json.dumps({"Version": "2012-10-17", "Statement": [{**allowed, **named, **condition}]})


def allow_invoke(local, function, rule=None):
    """Allow EventBridge to invoke a function, for one rule or any."""
    source = {"SourceArn": rule} if rule else {}
    permission = {"StatementId": "events", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    local.client("lambda").add_permission(FunctionName=function, **permission, **source)


def attributes(message):
    """Return the message attributes of a dead letter as strings."""
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


def policy_for(principal, action, resource="*", **condition):
    """Return a resource policy that allows an action to an account or a role."""
    statement = {
        "Sid": "others",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": action,
        "Resource": resource,
    }
    conditions = {"Condition": condition} if condition else {}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **conditions}]})


def received(sqs, url):
    """Return the events in a queue."""
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def packed(source):
    """Return the deployment package of a function."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", source)
    return content.getvalue()


def executions(local, machine):
    """Return the executions of a state machine."""
    stepfunctions = local.client("stepfunctions")
    found = stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    return [stepfunctions.describe_execution(executionArn=each["executionArn"]) for each in found]


class Site:
    """An HTTP server on loopback that records requests and returns prepared responses."""

    def __init__(self, answers, now):
        self.requests = []
        self._answers = {path: list(responses) for path, responses in answers.items()}
        self._now = now
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        """Stop the server and release requests that wait for a response."""
        if not self._closed.is_set():
            self._closed.set()
            self._server.shutdown()
            self._server.server_close()

    def _next(self, path):
        responses = self._answers.get(path) or [(200, {})]
        return responses.pop(0) if len(responses) > 1 else responses[0]

    def _handler(site):  # noqa: N805 - the handler has the self
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                path = self.path.partition("?")[0]
                request = {"method": self.command, "target": self.path, "path": path, "body": body}
                site.requests.append(SimpleNamespace(**request, headers=self.headers, at=site._now()))
                answer = site._next(path)
                if answer is None:
                    site._closed.wait()
                    return
                status, content, *headers = answer
                self._answer(status, json.dumps(content).encode(), headers[0] if headers else {})

            def _answer(self, status, body, headers):
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Log nothing."""

        return Handler
