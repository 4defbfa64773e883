"""A hotel whose API accepts anonymous requests: each kind of channel, a mediator, and a public ingress."""

from aws_cdk import App, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from functions.contracts.guests import GuestArrived, MealOrdered
from functions.contracts.hotel import BookRoom

from millrace.constructs import Api, Bus, Mediator, NoAuthorizer, Processor, direct, ordered

app = App(analytics_reporting=False)
stack = Stack(app, "Hotel")
bus = Bus(stack, "Bus", name="hotel", log_events=True)
done = dynamodb.Table(
    stack,
    "Done",
    partition_key=dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING),
    billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
    removal_policy=RemovalPolicy.DESTROY,
)
Processor(stack, "Greet", bus=bus, function="greet", channel=direct(), tables={"done": done})
Processor(stack, "GiveRoom", bus=bus, function="give_room", tables={"done": done})
Processor(stack, "NoteBill", bus=bus, function="note_bill", channel=ordered(partition_key="key"), tables={"done": done})
Mediator(stack, "Meal", bus=bus, steps=["lay_table", "serve_meal"], tables={"done": done})
api = Api(
    stack,
    "Api",
    bus=bus,
    commands=[BookRoom],
    events=[GuestArrived, MealOrdered],
    authorizer=NoAuthorizer(reason="The tests call it without credentials."),
    rate_limit=10_000,
    burst_limit=10_000,
)
CfnOutput(stack, "Endpoint", value=api.endpoint)
app.synth()
