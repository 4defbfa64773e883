"""A simulated carrier: it receives each ShippingRequested event and answers through the callback API of the shop.

`millrace run --companion examples/carrier.py …` runs it with a local cloud; `python examples/carrier.py` connects to
the one at AWS_ENDPOINT_URL. On AWS, a carrier would subscribe with a Webhook in its own stack; here boto3 creates
the rule.
"""

import http.client
import json
import signal
import threading
from collections.abc import Callable
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NAME = "Mill & Sons"
SERVED = frozenset({"AT", "BE", "CH", "DE", "DK", "ES", "FR", "IT", "LU", "NL", "PL", "PT"})
PATTERN = {"source": ["shop.fulfilment"], "detail-type": ["ShippingRequested"]}
CONTENT_TYPE = "application/cloudevents+json"
LOCAL = Credentials("test", "test")
FROM_RULES = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}


class Carrier:
    """A webhook on loopback that sends the answer before it returns its response.

    `client` creates boto3 clients. `refuse` returns the reason to refuse a request, or None to accept it. Answers are
    signed with `credentials`, and sent to the shop of a `stage`.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        refuse: Callable[[dict[str, Any]], str | None],
        credentials: Any = LOCAL,
        stage: str | None = None,
    ) -> None:
        suffix = f"-{stage}" if stage else ""
        self._api_paths = (f"Shop{suffix}/", f"Shop{suffix}-Fulfilment/")
        self._rule = {"Name": f"Carrier{suffix}", "EventBusName": f"shop{suffix}"}
        self._client = client
        self._refuse = refuse
        self._credentials = credentials
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self._subscribe(f"http://127.0.0.1:{self._server.server_port}")
        return self

    def __exit__(self, *_: object) -> None:
        self._unsubscribe()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: dict[str, Any]) -> int:
        """Answer a request and return the status of the response."""
        order, reason = request["order_id"], self._refuse(request)
        if reason is None:
            data = {"order_id": order, "carrier": NAME, "tracking_id": f"MS-{order}"}
            return self.send(request["callback_id"], "ShipmentArranged", data)
        return self.send(request["callback_id"], "ShipmentRefused", {"order_id": order, "reason": reason})

    def send(self, callback_id: str, name: str, data: dict[str, Any]) -> int:
        """Send an answer as a signed CloudEvent."""
        event = {"specversion": "1.0", "id": callback_id, "source": "carrier.shipments", "type": name, "data": data}
        return self._post(f"/callbacks/{callback_id}", json.dumps(event).encode())

    def _subscribe(self, url: str) -> None:
        events, iam = self._client("events"), self._client("iam")
        key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Api-Key", "ApiKeyValue": "the carrier's"}}
        connection = events.create_connection(Name="Carrier", AuthorizationType="API_KEY", AuthParameters=key)
        destination = events.create_api_destination(
            Name="Carrier",
            ConnectionArn=connection["ConnectionArn"],
            InvocationEndpoint=url,
            HttpMethod="POST",
        )["ApiDestinationArn"]
        role = iam.create_role(RoleName="Carrier", AssumeRolePolicyDocument=_policy(FROM_RULES))["Role"]["Arn"]
        permission = _policy({"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": destination})
        iam.put_role_policy(RoleName="Carrier", PolicyName="Call", PolicyDocument=permission)
        events.put_rule(**self._rule, EventPattern=json.dumps(PATTERN))
        target = {"Id": "Carrier", "Arn": destination, "RoleArn": role, "InputPath": "$.detail.data"}
        bus = self._rule["EventBusName"]
        events.put_targets(Rule=self._rule["Name"], EventBusName=bus, Targets=[target])

    def _unsubscribe(self) -> None:
        events, iam = self._client("events"), self._client("iam")
        bus = self._rule["EventBusName"]
        events.remove_targets(Rule=self._rule["Name"], EventBusName=bus, Ids=["Carrier"])
        events.delete_rule(**self._rule)
        events.delete_api_destination(Name="Carrier")
        events.delete_connection(Name="Carrier")
        iam.delete_role_policy(RoleName="Carrier", PolicyName="Call")
        iam.delete_role(RoleName="Carrier")

    @cached_property
    def _endpoint(self) -> str:
        apis = self._client("apigatewayv2").get_apis()["Items"]
        return str(next(api for api in apis if api.get("Description", "").startswith(self._api_paths))["ApiEndpoint"])

    def _post(self, path: str, body: bytes) -> int:
        url = urlsplit(self._endpoint)
        host, kind = url.hostname or "", http.client.HTTPConnection
        if url.scheme == "https":
            kind = http.client.HTTPSConnection
        local = "127.0.0.1" if host.endswith(".localhost") else host
        connection = kind(local, url.port, timeout=30)
        try:
            connection.request("POST", path, body, self._signed(path, body))
            return connection.getresponse().status
        finally:
            connection.close()

    def _signed(self, path: str, body: bytes) -> dict[str, str]:
        host = urlsplit(self._endpoint).netloc
        request = AWSRequest("POST", f"{self._endpoint}{path}", {"host": host, "content-type": CONTENT_TYPE}, body)
        region = self._client("apigatewayv2").meta.region_name
        SigV4Auth(self._credentials, "execute-api", region).add_auth(request)
        return dict(request.headers.items())

    def _handler(carrier) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the nested class uses self
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(carrier.answer(json.loads(body)))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Suppress the log."""

        return Handler


def refusal_reason(request: dict[str, Any]) -> str | None:
    """Return the reason to refuse a request, or None."""
    country = request["address"]["country"]
    return None if country in SERVED else f"{NAME} does not serve {country}"


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def main() -> None:
    """Run the carrier until the process receives a signal."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with Carrier(boto3.client, refusal_reason, boto3.Session().get_credentials()):
        print("the carrier listens", flush=True)  # noqa: T201 - the parent process waits for this line
        stopped.wait()


if __name__ == "__main__":
    main()
