"""Web pages against the local cloud, in headless Chromium: a hostile and an allowed one. Run by `make hostile-page`.

The hostile page is opened as a page of another port, of another name of this machine, and of another machine.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from millrace.local.cloud import LocalCloud

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("hostile_page.js")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP hostile.example 127.0.0.1",
    "--remote-debugging-port=0",  # or it ends when the page has loaded
]
HANDLER = """
def handler(event, context):
    print("invoked")
    return "done"
"""
LOG = "/aws/lambda/victim"
STACK = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
SECRET = "a secret of the local cloud"


class Site:
    """A web server with one page; what the page saw comes back from it."""

    def __init__(self):
        self.page = ""
        self.saw = {}
        self._reported = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handler(site):  # noqa: N805 - the handler has the self
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(site.page.encode())

            def do_POST(self):
                site.saw = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(b"")
                site._reported.set()

            def _answer(self, body):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Print nothing."""

        return Handler

    def opened(self, chromium, host, given):
        """What the page saw when it was opened by a name of this machine."""
        self.saw = {}
        self._reported.clear()
        self.page = f"<!doctype html><body><script>const GIVEN = {json.dumps(given)};\n{SCRIPT.read_text()}</script>"
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            command = [chromium, *QUIET, f"--user-data-dir={profile}", f"http://{host}:{self.port}/"]
            browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                self._reported.wait(60)
            finally:
                browser.terminate()
                browser.wait()
        return self.saw


class Victim:
    """A local cloud with a secret, a function, a rule that invokes it, and an HTTP API in front of it."""

    def __init__(self, cloud):
        self.cloud = cloud
        cloud.client("secretsmanager").create_secret(Name="secret", SecretString=SECRET)
        arn = self._function()
        cloud.client("events").put_rule(Name="all", EventPattern='{"source": ["s"]}')
        cloud.client("events").put_targets(Rule="all", Targets=[{"Id": "victim", "Arn": arn}])
        self.api = self._api(arn)

    def _function(self):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", HANDLER)
        role = self.cloud.client("iam").create_role(RoleName="victim", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        functions = self.cloud.client("lambda")
        arn = functions.create_function(
            FunctionName="victim",
            Runtime="python3.13",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": packed.getvalue()},
        )["FunctionArn"]
        for service in ("events", "apigateway"):
            functions.add_permission(
                FunctionName="victim",
                StatementId=service,
                Action="lambda:InvokeFunction",
                Principal=f"{service}.amazonaws.com",
            )
        return arn

    def _api(self, arn):
        gateway = self.cloud.client("apigatewayv2")
        api = gateway.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
        integration = gateway.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
        )["IntegrationId"]
        gateway.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{integration}")
        gateway.create_stage(ApiId=api, StageName="$default")
        return api

    @property
    def invoked(self):
        """How often the function ran, once everything has settled."""
        self.cloud.settle()
        logs = self.cloud.client("logs")
        if not logs.describe_log_groups(logGroupNamePrefix=LOG)["logGroups"]:
            return 0
        lines = logs.filter_log_events(logGroupName=LOG)["events"]
        return sum(line["message"].strip() == "invoked" for line in lines)

    def given(self, phase):
        """What the page knows, and which of its attempts it makes."""
        entry = {"Source": "s", "DetailType": "t", "Detail": "{}"}
        stack = {"Action": "CreateStack", "StackName": "hostile", "TemplateBody": json.dumps(STACK)}
        signed = {
            "secret": self._json("secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": "secret"}),
            "event": self._json("events", "AWSEvents.PutEvents", {"Entries": [entry]}),
            "stack": self._signed("cloudformation", "/", urlencode(stack), "application/x-www-form-urlencoded"),
            "invoke": self._signed("lambda", "/2015-03-31/functions/victim/invocations", "{}", "application/json"),
        }
        return {"cloud": self.cloud.endpoint_url, "api": self.api, "signed": signed, "phase": phase}

    def _json(self, service, operation, content):
        body = json.dumps(content)
        return self._signed(service, "/", body, "application/x-amz-json-1.1", {"X-Amz-Target": operation})

    def _signed(self, service, path, body, kind, headers=()):
        """A request as `fetch` takes it, signed by the developer."""
        own = self.cloud.environment()
        credentials = Credentials(own["AWS_ACCESS_KEY_ID"], own["AWS_SECRET_ACCESS_KEY"])
        request = AWSRequest("POST", f"{own['AWS_ENDPOINT_URL']}{path}", {"Content-Type": kind, **dict(headers)}, body)
        SigV4Auth(credentials, service, own["AWS_REGION"]).add_auth(request)
        return {"url": request.url, "method": "POST", "headers": dict(request.headers), "body": body}

    def damage(self, saw):
        """What the hostile page achieved, in words."""
        stacks = self.cloud.client("cloudformation").list_stacks()["StackSummaries"]
        secrets = self.cloud.client("secretsmanager").list_secrets()["SecretList"]
        found = {
            "the page did not report": not saw,
            "the page read a response": any(SECRET in text or "done" in text for text in saw.values()),
            "the page opened a WebSocket": "opened" in saw.values(),
            f"the function ran {self.invoked} times": self.invoked > 0,
            "a stack was created": bool(stacks),
            "the state was reset": not secrets,
            "the local cloud was ended": self.cloud.stop_requested.is_set(),
        }
        return [problem for problem, is_so in found.items() if is_so]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--verbose", action="store_true", help="print what each attempt of the hostile page gave")
    given = parser.parse_args()
    hostile, friend = Site(), Site()
    allowed = f"http://127.0.0.1:{friend.port}"
    with LocalCloud(cache=ROOT / ".millrace", allowed_origins=[allowed]) as cloud:
        victim = Victim(cloud)
        problems = []
        for host in ("127.0.0.1", "localhost", "hostile.example"):
            for phase in ("call", "destroy"):
                saw = hostile.opened(given.chromium, host, victim.given(phase))
                found = victim.damage(saw)
                sys.stdout.write(f"{host}, {phase}: {len(saw)} attempts; {'; '.join(found) or 'nothing happened'}\n")
                sys.stdout.writelines(f"  {name}: {text}\n" for name, text in saw.items() if given.verbose)
                problems += found
        problems += [] if problems else welcomed(friend, given.chromium, victim)
    return 1 if problems else 0


def welcomed(friend, chromium, victim):
    """What is wrong with the page of an allowed origin; it shows as well that the hostile page could have succeeded."""
    saw = friend.opened(chromium, "127.0.0.1", victim.given("read"))
    read = SECRET in saw.get("read a secret", "") and "done" in saw.get("invoke and read", "")
    victim.cloud.client("events").put_events(Entries=[{"Source": "s", "DetailType": "t", "Detail": "{}"}])
    invoked = victim.invoked
    found = [] if read and invoked == 2 else [f"it cannot call: {saw}, {invoked} invocations"]
    sys.stdout.write(f"an allowed page: {'; '.join(found) or 'reads the secret and invokes the function'}\n")
    return found


if __name__ == "__main__":
    sys.exit(main())
