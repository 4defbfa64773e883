"""Which objects a role reaches: requests from which moto could read another key than the one that is authorized."""

import urllib.error
import urllib.request
from base64 import b64encode
from hashlib import md5

import boto3
import pytest
import time_machine
from access_fixtures import ACCOUNT, allow, iam_local
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config

from millrace.local.services.iam import Iam

OWN = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]}


@pytest.fixture
def session(iam_local):
    """A session of a role that may use the bucket `own`; the bucket `theirs` has an object."""
    s3 = iam_local.client("s3")
    for bucket in ("own", "theirs"):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    access, role = iam_local.region.service(Iam).access, f"arn:aws:iam::{ACCOUNT}:role/shop/clerk"
    keys = iam_local.on_loop(lambda: access.session(role, "s"))
    return boto3.Session(region_name="us-east-1", **{name.lower(): value for name, value in keys.items()})


@pytest.fixture
def send(iam_local, session, allow):
    """Send a signed request to S3, with further headers that are not signed; gives status and text."""
    allow({**OWN, "Resource": "arn:aws:s3:::own/*"})

    def send(method, path, body=b"", **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = AWSRequest(method, iam_local.endpoint_url + path, names, body)
        S3SigV4Auth(session.get_credentials(), "s3", "us-east-1").add_auth(sent)
        return opened(urllib.request.Request(sent.url, body, dict(sent.headers.items()), method=method))

    return send


def opened(request):
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("source", ["//own/theirs/k", "own:/theirs/k", "own/k#x", "own/k;x", "theirs/k"])
def test_source_of_a_copy_is_the_object_that_is_authorized(send, source):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html

    Refused: the source of a copy as a URL with a host, a scheme or a fragment.
    """
    status, text = send("PUT", "/own/copy", x_amz_copy_source=source)
    assert (status, "AccessDenied" in text or "UnsupportedPolicy" in text) == (403, True)
    assert send("PUT", "/own/copy", x_amz_copy_source="/own/k")[0] == 200


@pytest.mark.parametrize(
    "entry", ["<Object ><Key>k</Key></Object >", "<Object a='1'><Key><![CDATA[k]]></Key></Object>"]
)
def test_key_is_not_deleted_however_a_denied_request_is_written(iam_local, send, entry):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""
    body = f"<Delete>{entry}</Delete>".encode()
    sent = {"content_type": "application/xml", "content_md5": b64encode(md5(body).digest()).decode()}
    assert "not authorized to perform: s3:DeleteObject" in send("POST", "/theirs?delete", body, **sent)[1]
    assert iam_local.client("s3").list_objects_v2(Bucket="theirs")["KeyCount"] == 1
    assert "<Deleted><Key>k</Key>" in send("POST", "/own?delete", body, **sent)[1]


@pytest.mark.usefixtures("send")
def test_presigned_upload_cannot_become_a_copy(iam_local, session):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""
    client = session.client("s3", endpoint_url=iam_local.endpoint_url, config=Config(signature_version="s3v4"))
    with time_machine.travel(iam_local.scheduler.clock.now()):
        url = client.generate_presigned_url("put_object", {"Bucket": "own", "Key": "upload"})
    request = urllib.request.Request(url, b"", {"x-amz-copy-source": "own/k"}, method="PUT")
    status, text = opened(request)
    assert (status, "headers present in the request which were not signed" in text) == (403, True)
    assert opened(urllib.request.Request(url, b"", method="PUT"))[0] == 200


FIELD = "--x\r\nContent-Disposition: form-data; {}\r\n\r\n{}\r\n"


@pytest.mark.parametrize("name", ["name=key", 'NAME="key"', "name*=utf-8''key", 'name="k\\ey"'])
def test_form_uploads_the_key_that_is_authorized(iam_local, session, allow, name):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html"""
    allow({**OWN, "Resource": "arn:aws:s3:::own/uploads/*"})
    client = session.client("s3", endpoint_url=iam_local.endpoint_url, config=Config(signature_version="s3v4"))
    with time_machine.travel(iam_local.scheduler.clock.now()):
        fields = client.generate_presigned_post("own", "uploads/k")["fields"]
    fields["Key"] = fields.pop("key")
    given = [(name, "private/k"), *((f'name="{each}"', text) for each, text in fields.items())]
    body = "".join(FIELD.format(*each) for each in [*given, ('name="file"; filename="f"', "hi")]) + "--x--\r\n"
    sent = {"content-type": "multipart/form-data; boundary=x"}
    status, text = opened(urllib.request.Request(f"{iam_local.endpoint_url}/own", body.encode(), sent))
    assert (status, "expired" in text) == (403, False)
    assert iam_local.client("s3").list_objects_v2(Bucket="own", Prefix="private/")["KeyCount"] == 0
