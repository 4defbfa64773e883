"""Stacks with custom resources."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from aws_cdk import custom_resources as custom
from aws_cdk import triggers
from parts import function, output

RESPOND = """
import cfnresponse

def handler(event, context):
    properties = event["ResourceProperties"]
    data = {"Sum": str(int(properties["A"]) + int(properties["B"])), "Kind": event["RequestType"]}
    cfnresponse.send(event, context, cfnresponse.SUCCESS, data, "sum")
"""
ON_EVENT = """
def handler(event, context):
    return {"PhysicalResourceId": "twice", "Data": {"Twice": event["ResourceProperties"]["Text"] * 2}}
"""
IS_COMPLETE = """
def handler(event, context):
    return {"IsComplete": event["PhysicalResourceId"] == "twice"}
"""


def sdk_call_seeds_a_table(stack):
    """An AwsCustomResource writes the first item of a table."""
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    put = custom.AwsSdkCall(
        service="DynamoDB",
        action="putItem",
        parameters={"TableName": table.table_name, "Item": {"pk": {"S": "first"}, "n": {"N": "1"}}},
        physical_resource_id=custom.PhysicalResourceId.of("seed"),
    )
    policy = custom.AwsCustomResourcePolicy.from_sdk_calls(resources=[table.table_arn])
    custom.AwsCustomResource(stack, "Seed", on_create=put, policy=policy)
    output(stack, "Table", table.table_name)


def sdk_call_reads_an_attribute(stack):
    """An AwsCustomResource returns a field of a response."""
    call = custom.AwsSdkCall(
        service="STS", action="getCallerIdentity", physical_resource_id=custom.PhysicalResourceId.of("identity")
    )
    policy = custom.AwsCustomResourcePolicy.from_sdk_calls(resources=custom.AwsCustomResourcePolicy.ANY_RESOURCE)
    identity = custom.AwsCustomResource(stack, "Identity", on_update=call, policy=policy)
    output(stack, "Account", identity.get_response_field("Account"))


def function_responds_to_cloud_formation(stack):
    """A custom resource of a Python function that uses cfnresponse."""
    adder = function(stack, code=RESPOND)
    added = cdk.CustomResource(
        stack, "Sum", service_token=adder.function_arn, resource_type="Custom::Sum", properties={"A": 1, "B": 2}
    )
    output(stack, "Sum", added.get_att_string("Sum"))
    output(stack, "Id", added.ref)


def provider_framework(stack):
    """A custom resource of CDK's provider framework with two Python functions."""
    provider = custom.Provider(
        stack,
        "Provider",
        on_event_handler=function(stack, "OnEvent", code=ON_EVENT),
        is_complete_handler=function(stack, "IsComplete", code=IS_COMPLETE),
    )
    made = cdk.CustomResource(stack, "Text", service_token=provider.service_token, properties={"Text": "ab"})
    output(stack, "Text", made.get_att_string("Twice"))


def log_retention(stack):
    """A function whose log retention CDK sets by a custom resource."""
    function(stack, log_retention=logs.RetentionDays.ONE_WEEK)


def bucket_that_empties_itself(stack):
    """A bucket whose objects CDK deletes with it."""
    bucket = s3.Bucket(
        stack, "Bucket", removal_policy=cdk.RemovalPolicy.DESTROY, auto_delete_objects=True, versioned=True
    )
    output(stack, "Bucket", bucket.bucket_name)


def bucket_deployment(stack):
    """Files of a folder and a value of the deployment are put into a bucket; then a trigger runs."""
    bucket = s3.Bucket(stack, "Bucket", removal_policy=cdk.RemovalPolicy.DESTROY, auto_delete_objects=True)
    values = deployment.Source.json_data("site.json", {"bucket": bucket.bucket_name})
    sources = [values, deployment.Source.data("a/index.html", "<p>hi</p>")]
    prefix = {"destination_key_prefix": "site"}
    deployed = deployment.BucketDeployment(stack, "Files", sources=sources, destination_bucket=bucket, **prefix)
    output(stack, "Bucket", deployed.deployed_bucket.bucket_name)
    triggers.Trigger(stack, "Trigger", handler=function(stack), execute_after=[deployed])


CUSTOM_STACKS = (
    bucket_deployment,
    sdk_call_seeds_a_table,
    sdk_call_reads_an_attribute,
    function_responds_to_cloud_formation,
    provider_framework,
    log_retention,
    bucket_that_empties_itself,
)
