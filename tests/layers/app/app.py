"""A speed view and a batch view with a function that needs no packages."""

from aws_cdk import App, RemovalPolicy, Stack

from millrace.constructs import BatchView, Bus, Processor, SpeedView

app = App(analytics_reporting=False)
stack = Stack(app, "Layers")
bus = Bus(stack, "Bus", name="layers")
speed = SpeedView(stack, "Speed", bus=bus, removal_policy=RemovalPolicy.DESTROY)
Processor(stack, "RecordSale", bus=bus, function="record_sale", tables={"sales": speed})
BatchView(stack, "Batch", bus=bus, speed=speed, function="compute_sales", tolerated_failure_percentage=5)
app.synth()
