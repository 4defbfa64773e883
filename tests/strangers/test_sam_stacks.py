"""A template of AWS SAM."""

import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from millrace.local.cloudformation.assembly import AssemblyError
from millrace.local.cloudformation.sam import inputs_of, write_assembly

TEMPLATE = Path(__file__).parent / "sam" / "template.yaml"
HOME = ("123456789012", "us-east-1")


@pytest.fixture(scope="module")
def sam(strangers, tmp_path_factory):
    """The deployed template, with a parameter."""
    out = tmp_path_factory.mktemp("sam") / "cdk.out"
    write_assembly(TEMPLATE, out, HOME, {})
    strangers.cloud.deploy(out, parameters={"Word": "hi"})
    return strangers


@pytest.fixture(scope="module")
def authorizers(sam, tmp_path_factory):
    """The deployed template with authorizers, OpenAPI integrations and a function URL."""
    out = tmp_path_factory.mktemp("authorizers") / "cdk.out"
    write_assembly(TEMPLATE.parents[1] / "authorizers" / "template.yaml", out, HOME, {})
    sam.cloud.deploy(out)
    return sam


def status_of(strangers, url, content=None, **headers):
    """Send a request to an API by the name of its output, or to a URL; return the status."""
    name, _, path = url.partition("/")
    if not url.startswith("http:"):
        url = f"{strangers.cloud.endpoint_url}/_aws/execute-api/{strangers.output('authorizers', name)}/{path}"
    request = Request(url, content, {"content-type": "application/json", **headers})
    try:
        with urlopen(request) as response:
            return response.status
    except HTTPError as error:
        return error.code


def test_sam_authorizers_protect_both_kinds_of_api(authorizers):
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-controlling-access-to-apis.html"""
    given = ({}, {"authorization": "bad"}, {"authorization": "good"})
    assert [status_of(authorizers, "Http/a", **headers) for headers in given] == [401, 403, 200]
    assert [status_of(authorizers, "Rest/prod/c", **headers) for headers in given] == [401, 403, 200]
    others = ("Http/b", "Rest/prod/d", "Rest/prod/d?auth=good", "Rest/prod/e", "Rest/prod/f")
    assert [status_of(authorizers, url) for url in others] == [200, 401, 200, 403, 403]


def test_sam_definition_integrates_a_queue(authorizers):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html"""
    assert status_of(authorizers, "Direct/orders", b'{"order": "o-1"}') == 202
    assert authorizers.bodies(authorizers.output("authorizers", "Queue")) == ["o-1"]


def test_sam_function_url(authorizers):
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-functionurlconfig.html"""
    assert status_of(authorizers, authorizers.output("authorizers", "Url")) == 200


def answer_of(sam, name, path, method):
    url = f"{sam.cloud.endpoint_url}/_aws/execute-api/{sam.output('sam', name)}{path}"
    with urlopen(Request(url, method=method)) as answer:
        return json.load(answer)


def test_sam_function_answers_both_kinds_of_api(sam):
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html"""
    assert answer_of(sam, "Http", "/hello", "GET") == ["hi", None]
    assert answer_of(sam, "Rest", "/Prod/rest/7", "POST") == ["hi", {"id": "7"}]


def test_sam_function_receives_messages_and_events(sam):
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-eventsource.html"""
    sam.client("sqs").send_message(QueueUrl=sam.output("sam", "Queue"), MessageBody="m")
    sam.put("default", "shop", order="a")
    seen = sam.seen(sam.output("sam"))
    assert [event["Records"][0]["body"] for event in seen if "Records" in event] == ["m"]
    assert [event["detail"] for event in seen if "detail" in event] == [{"order": "a"}]


def test_inputs_of_a_template_are_its_code(sam):
    assert [path.name for path in inputs_of(TEMPLATE)] == ["template.yaml", "src"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("AWS::Serverless-2016-10-31", "AWS::Include"), "the local cloud applies the transform"),
        (("src/", "other/"), "names other/, which does not exist"),
        (("Handler: app.handler", "Nothing: 1"), "not a valid template of AWS SAM"),
    ],
)
def test_template_that_cannot_be_transformed_is_refused(tmp_path, change, message):
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
    Refused: transforms other than AWS SAM's.
    """
    (tmp_path / "src").mkdir()
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE.read_text().replace(*change))
    with pytest.raises(AssemblyError, match=message):
        write_assembly(template, tmp_path / "out", HOME, {})
