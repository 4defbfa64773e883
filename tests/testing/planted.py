"""A bank with a planted bug in each function, made of plain AWS resources: no synthesis, one second to deploy."""

import io
import json
import zipfile

from millrace.events import Event
from millrace.local.simulation import START, SimulatedCloud

BUS = "planted"
ROLE = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}
TABLE = "import boto3\ntable = boto3.resource('dynamodb').Table('state')\n"

BUGS = {
    "repeats": """
def handler(event, context):
    data = event['detail']['data']
    cents = {':cents': data['cents']}
    table.update_item(Key={'id': data['account']}, UpdateExpression='ADD cents :cents', ExpressionAttributeValues=cents)
""",
    "publishes_first": """
def handler(event, context):
    data = event['detail']['data']
    if 'Item' in table.get_item(Key={'id': data['account']}):
        return
    entry = {'Source': 'test', 'DetailType': 'Opened', 'Detail': '{}', 'EventBusName': 'planted'}
    boto3.client('events').put_events(Entries=[entry])
    table.put_item(Item={'id': data['account']})
""",
    "trusts_order": """
def handler(event, context):
    data = event['detail']['data']
    table.put_item(Item={'id': data['account'], 'cents': data['cents']})
""",
    "reads_then_writes": """
def handler(event, context):
    data = event['detail']['data']
    if 'Item' in table.get_item(Key={'id': event['id']}):
        return
    before = table.get_item(Key={'id': data['account']}).get('Item', {'cents': 0})
    table.put_item(Item={'id': data['account'], 'cents': before['cents'] + data['cents']})
    table.put_item(Item={'id': event['id']})
""",
    "acknowledges_all": """
def handler(event, context):
    for record in event['Records']:
        try:
            table.put_item(Item={'id': record['body']})
        except Exception as error:
            print('skipped', error)
""",
    "reserve": """
def handler(event, context):
    table.put_item(Item={'id': 'stock', 'left': 9})
""",
    "charge": """
def handler(event, context):
    table.put_item(Item={'id': 'payment'})
""",
    "release": """
def handler(event, context):
    table.put_item(Item={'id': 'stock', 'left': 9})
""",
    "fails": "def handler(event, context):\n    raise RuntimeError('always')\n",
    "reads_clocks": """
import os, random, secrets, time, uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, UTC
def handler(event, context):
    read = [time.time(), time.monotonic(), time.perf_counter_ns(), datetime.now(UTC)]
    read += [os.urandom(4), getattr(os, 'getrandom', os.urandom)(4), secrets.token_hex(4)]
    read += [uuid.uuid1(), uuid.uuid4(), random.random(), random.SystemRandom().random()]
    with ThreadPoolExecutor() as pool:
        read += pool.map(lambda _: time.time_ns(), range(2))
    table.put_item(Item={'id': 'now', 'read': repr(read)})
""",
    "starts_a_thread": """
import threading
def handler(event, context):
    threading.Thread(target=print).start()
""",
    "stores_each": """
def handler(event, context):
    table.put_item(Item={'id': event['detail']['metadata']['event_id'], 'cents': event['detail']['data']['cents']})
""",
    "counts_events": """
seen = 0
def handler(event, context):
    global seen
    seen += 1
    table.put_item(Item={'id': 'seen', 'count': seen})
""",
    "reads_real_time": """
def handler(event, context):
    import ctypes
    real = ctypes.create_string_buffer(16)
    ctypes.CDLL(None).clock_gettime(1, real)
    table.put_item(Item={'id': 'now', 'time': real.raw.hex()})
""",
}
"""Handlers by the event class that invokes them, except for the queue's and the steps of the saga."""


class Paid(Event, source="test.bank", external=True):
    """Money for an account, for the function whose rule matches `to`."""

    to: str
    account: str = "a"
    cents: int = 100


def planted_cloud(cache, start=START, functions=BUGS):
    """Deploy the bank, or other functions with its table and bus, to a simulated cloud."""
    cloud = SimulatedCloud(cache=cache, enforce_iam=False, start=start)
    with cloud.running():
        arn = cloud.client("iam").create_role(RoleName="all", AssumeRolePolicyDocument=json.dumps(ROLE))["Role"]["Arn"]
        keys = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}
        key = [{"AttributeName": "id", "KeyType": "HASH"}]
        cloud.client("dynamodb").create_table(TableName="state", KeySchema=key, BillingMode="PAY_PER_REQUEST", **keys)
        cloud.client("events").create_event_bus(Name=BUS)
        arns = {name: function(cloud, name, code, arn) for name, code in functions.items()}
        if functions is BUGS:
            add_queue(cloud, arns["acknowledges_all"])
            add_saga(cloud, arns, arn)
        cloud.warm()
    return cloud


def function(cloud, name, code, role):
    """Create a function, and the rule that invokes it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr(zipfile.ZipInfo(f"{name}.py"), TABLE + code)
    lambda_ = cloud.client("lambda")
    arn = lambda_.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler=f"{name}.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=60,
    )["FunctionArn"]
    add_rule(cloud, name, arn)
    lambda_.add_permission(
        FunctionName=name, StatementId="rule", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    return arn


def add_rule(cloud, name, arn, **target):
    pattern = {"detail-type": ["Paid"], "detail": {"data": {"to": [name]}}}
    events = cloud.client("events")
    events.put_rule(Name=name, EventBusName=BUS, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=BUS, Targets=[{"Id": name, "Arn": arn, **target}])


def add_queue(cloud, arn):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="ordered.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "60"})
    queue = sqs.get_queue_attributes(QueueUrl=url["QueueUrl"], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    cloud.client("lambda").create_event_source_mapping(EventSourceArn=queue, FunctionName=arn, BatchSize=10)


def add_saga(cloud, arns, role):
    states = {
        "Reserve": {"Type": "Task", "Resource": arns["reserve"], "Next": "Charge", "Catch": caught("Release")},
        "Charge": {"Type": "Task", "Resource": arns["charge"], "End": True, "Catch": caught("Release")},
        "Release": {"Type": "Task", "Resource": arns["release"], "Next": "Failed"},
        "Failed": {"Type": "Fail"},
    }
    definition = json.dumps({"StartAt": "Reserve", "States": states})
    machine = cloud.client("stepfunctions").create_state_machine(name="saga", definition=definition, roleArn=role)
    add_rule(cloud, "saga", machine["stateMachineArn"], RoleArn=role)


def caught(state):
    return [{"ErrorEquals": ["States.ALL"], "Next": state}]
