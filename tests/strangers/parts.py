"""What the stacks have in common."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

PRINT = """
import json

def handler(event, context):
    print("SEEN " + json.dumps(event))
"""


def function(stack, name="Function", *lines, code=PRINT, **settings):
    """Create a function that prints its event and then runs some lines."""
    source = code + "".join(f"    {line}\n" for line in lines)
    settings = {"runtime": lambda_.Runtime.PYTHON_3_13, **settings}
    made = lambda_.Function(stack, name, handler="index.handler", code=lambda_.Code.from_inline(source), **settings)
    output(stack, name, made.function_name)
    return made


def output(stack, name, value):
    """Create an output."""
    cdk.CfnOutput(stack, f"{name}Output", value=value)
