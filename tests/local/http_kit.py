"""A client of HTTP APIs and a token issuer for the tests of API Gateway."""

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

ACCOUNT = "123456789012"
NOTE = {"author": "ada", "note_id": "n-1", "text": "Call the mill.", "stars": 4}
ECHO = """
import json, os, time

def handler(event, context):
    command = json.loads(event.get("body") or "{}") if not event["isBase64Encoded"] else {}
    if "sleep" in command:
        time.sleep(command["sleep"])
    if "raise" in command:
        raise ValueError(command["raise"])
    if "result" in command:
        return command["result"]
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""


class HttpApi:
    """An API. `send` uses its host name, or the path form with `by_path`."""

    def __init__(self, cloud, api_id):
        self.cloud = cloud
        self.id = api_id
        self.host = f"{api_id}.execute-api.localhost:{cloud.port}"

    def send(self, method, path, body=b"", *, by_path=False, raw=(), **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.port)
        target = f"/_aws/execute-api/{self.id}{path}" if by_path else path
        connection.putrequest(method, target, skip_host=not by_path)
        body = json.dumps(body).encode() if isinstance(body, dict) else body
        named = {"host": self.host} if not by_path else {}
        named |= {"content-length": str(len(body)), "content-type": "application/json"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in [*named.items(), *raw]:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return SimpleNamespace(status=response.status, headers=response.headers, body=response.read())

    def event(self, method, path, body=b"", **headers):
        """Send a request to the echo function, and return its event."""
        response = self.send(method, path, body, **headers)
        assert response.status == 200, response.body
        return json.loads(response.body)

    def signed(self, method, path, body=b"", *, kind="application/json", region="us-east-1", **credentials):
        """Return the headers of a signed request; `credentials` are `access_key`, `secret_key` and `token`."""
        signer = Credentials(**{"access_key": "test", "secret_key": "test", **credentials})
        request = AWSRequest(method, f"http://{self.host}{path}", {"host": self.host, "content-type": kind}, body)
        SigV4Auth(signer, "execute-api", region).add_auth(request)
        return {name.lower().replace("-", "_"): value for name, value in request.headers.items()}


class Issuer:
    """A token issuer on loopback with a key."""

    def __init__(self, audience="shop"):
        self._audience = audience
        self._key = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def token(self, *, key=None, algorithm="RS256", **changed):
        """Return a token that expires after a minute, with changed claims; None removes a claim."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": self._audience, "sub": "c-1", "exp": now + 60, "iat": now, **changed}
        known = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": algorithm, "kid": "one"}, known, key or self._key, algorithms=[algorithm])

    def _handler(issuer):  # noqa: N805 - the handler has the self
        documents = {
            "/.well-known/openid-configuration": lambda: {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"},
            "/keys": lambda: KeySet([issuer._key]).as_dict(private=False),
        }

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(documents[self.path]()).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Log nothing."""

        return Handler
