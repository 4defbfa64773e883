"""PutEvents: what is taken, what is refused, and the envelope that comes of it."""

import datetime as dt
import json

import pytest
from botocore.exceptions import ClientError
from bus_kit import entry

pytest_plugins = ["bus_fixtures"]


MEBIBYTE = 1_048_576


def test_the_envelope_is_whole(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html"""
    seen = queue()
    rule(seen.arn)
    time = dt.datetime(2024, 2, 29, 12, 30, 15, 999_000, tzinfo=dt.UTC)
    answer = send(entry({"total": 3}, Resources=["arn:aws:s3:::a"], Time=time))
    assert seen.events() == [
        {
            "version": "0",
            "id": answer["Entries"][0]["EventId"],
            "detail-type": "OrderPlaced",
            "source": "shop.orders",
            "account": "123456789012",
            "time": "2024-02-29T12:30:15Z",
            "region": "us-east-1",
            "resources": ["arn:aws:s3:::a"],
            "detail": {"total": 3},
        }
    ]


@pytest.mark.parametrize("name", ["Source", "DetailType", "Detail"])
def test_an_entry_without_a_required_field_is_refused(send, name):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html"""
    answer = send(
        {key: value for key, value in entry().items() if key != name} | ({} if name != "Source" else {"Source": ""})
    )
    assert answer["Entries"] == [
        {
            "ErrorCode": "InvalidArgument",
            "ErrorMessage": f"Parameter {name} is not valid. Reason: {name} is a required argument.",
        }
    ]
    assert answer["FailedEntryCount"] == 1


@pytest.mark.parametrize(
    "detail", ["no JSON", "[1]", '"text"', "3", "null", '{"a": NaN}', "{" * 3000, r'{"a": "\ud800"}']
)
def test_a_detail_that_is_no_json_object_is_malformed(send, detail):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html"""
    answer = send(entry(Detail=detail))
    assert answer["Entries"] == [{"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}]


def test_a_source_that_begins_with_aws_is_not_authorized(send):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html"""
    answer = send(entry(Source="aws.s3"))
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def test_the_other_entries_of_a_call_still_go_in(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""
    seen = queue()
    rule(seen.arn)
    answer = send({"n": 1}, entry(Detail="no JSON"), {"n": 3})
    assert answer["FailedEntryCount"] == 1
    assert ["EventId" in result for result in answer["Entries"]] == [True, False, True]
    assert [event["detail"]["n"] for event in seen.events()] == [1, 3]


def test_a_call_of_over_ten_entries_is_refused_whole(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
    seen = queue()
    rule(seen.arn)
    with pytest.raises(ClientError) as refused:
        send(*[{"n": n} for n in range(11)])
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(
        "1 validation error detected: Value '[PutEventsRequestEntry(time=null, source=shop.orders, resources=null, "
        'detailType=OrderPlaced, detail={"n": 0}, eventBusName=null, traceHeader=null, kmsKeyIdentifier=null, '
        "internalMetadata=null), "
    )
    assert error["Message"].endswith(
        "' at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10"
    )
    assert seen.events() == []


def test_a_call_may_hold_one_mebibyte_and_no_more(send):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""
    room = MEBIBYTE - len("shop.orders") - len("OrderPlaced") - len('{"a": ""}')
    assert send({"a": "x" * room})["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="Total size of the entries in the request is over the limit"):
        send({"a": "x" * (room + 1)})


def test_the_size_counts_bytes_of_every_entry_fourteen_for_a_time_and_the_resources(send):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""
    plain = len("shop.orders") + len("OrderPlaced") + len('{"a":""}')
    texts = ["é" * 1000, "r"]
    room = MEBIBYTE - 2 * plain - 14 - 2 * 1000 - 1
    now = dt.datetime.now(dt.UTC)

    def call(size):
        first = entry(Detail=f'{{"a":"{"x" * size}"}}', Time=now, Resources=[texts[1]])
        return send(first, entry(Detail=f'{{"a":"{texts[0]}"}}'), settle=False)

    assert call(room)["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="over the limit"):
        call(room + 1)


def test_a_time_that_is_none_is_refused_whole(local):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
    import urllib.error
    import urllib.request

    body = json.dumps({"Entries": [entry(Time="yesterday")]}).encode()
    signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/events/aws4_request, SignedHeaders=host, Signature=0"
    headers = {"X-Amz-Target": "AWSEvents.PutEvents", "Authorization": signed}
    request = urllib.request.Request(local.endpoint_url, body, headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400
    assert json.loads(refused.value.read())["__type"] == "SerializationException"


def test_a_bus_that_does_not_exist_swallows_an_event(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
    seen = queue()
    rule(seen.arn)
    answer = send(entry(EventBusName="nowhere"), {})
    assert answer["FailedEntryCount"] == 0
    assert all("EventId" in result for result in answer["Entries"])
    assert len(seen.events()) == 1


def test_a_bus_may_be_named_by_its_arn(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html"""
    arn = events.create_event_bus(Name="shop")["EventBusArn"]
    seen = queue()
    rule(seen.arn, bus="shop")
    send(entry(EventBusName=arn))
    assert len(seen.events()) == 1
