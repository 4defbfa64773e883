"""PutEvents: validation, limits and the envelope."""

import datetime as dt
import json

import pytest
from botocore.exceptions import ClientError
from bus_kit import entry

pytest_plugins = ["bus_fixtures"]


MEBIBYTE = 1_048_576


def test_envelope_has_all_fields(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html"""
    observer = queue()
    rule(observer.arn)
    time = dt.datetime(2024, 2, 29, 12, 30, 15, 999_000, tzinfo=dt.UTC)
    answer = send(entry({"total": 3}, Resources=["arn:aws:s3:::a"], Time=time))
    assert observer.events() == [
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
def test_entry_without_required_field_is_rejected(send, name):
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
    "detail", ["not JSON", "[1]", '"text"', "3", "null", '{"a": NaN}', "{" * 3000, r'{"a": "\ud800"}']
)
def test_detail_must_be_a_json_object(send, detail):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html"""
    answer = send(entry(Detail=detail))
    assert answer["Entries"] == [{"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}]


def test_source_with_aws_prefix_is_not_authorized(send):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html"""
    answer = send(entry(Source="aws.s3"))
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def test_valid_entries_of_a_call_are_published(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""
    observer = queue()
    rule(observer.arn)
    answer = send({"n": 1}, entry(Detail="not JSON"), {"n": 3})
    assert answer["FailedEntryCount"] == 1
    assert ["EventId" in result for result in answer["Entries"]] == [True, False, True]
    assert [event["detail"]["n"] for event in observer.events()] == [1, 3]


def test_call_with_more_than_ten_entries_is_rejected(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
    observer = queue()
    rule(observer.arn)
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
    assert observer.events() == []


def test_call_is_limited_to_one_mebibyte(send):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""
    room = MEBIBYTE - len("shop.orders") - len("OrderPlaced") - len('{"a": ""}')
    assert send({"a": "x" * room})["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="Total size of the entries in the request is over the limit"):
        send({"a": "x" * (room + 1)})


def test_entry_size_includes_time_and_resources(send):
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


def test_call_with_invalid_time_is_rejected(local):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
    import urllib.error
    import urllib.request

    body = json.dumps({"Entries": [entry(Time="yesterday")]}).encode()
    request = urllib.request.Request(local.endpoint_url, body, {"X-Amz-Target": "AWSEvents.PutEvents"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400
    assert json.loads(refused.value.read())["__type"] == "SerializationException"


def test_event_for_unknown_bus_is_dropped(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
    observer = queue()
    rule(observer.arn)
    answer = send(entry(EventBusName="unknown"), {})
    assert answer["FailedEntryCount"] == 0
    assert all("EventId" in result for result in answer["Entries"])
    assert len(observer.events()) == 1


def test_bus_can_be_given_by_arn(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html"""
    arn = events.create_event_bus(Name="shop")["EventBusArn"]
    observer = queue()
    rule(observer.arn, bus="shop")
    send(entry(EventBusName=arn))
    assert len(observer.events()) == 1
