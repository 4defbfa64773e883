"""A deployed stack, seen through AWS's APIs alone, and held against its template.

The template is resolved here once more, from what the APIs show; nothing is taken from the loader's own record.
"""

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, cached_property

from botocore.exceptions import ClientError
from readers import READERS, shows, tags, takes

from millrace.local.cloudformation.api.templates import read
from millrace.local.cloudformation.intrinsics import PseudoParameters, Resolver
from millrace.local.cloudformation.registry import IGNORED, TYPES, Resource
from millrace.local.services.s3.resources import without_transport_denial

_ATTRIBUTES = {
    "AWS::CloudWatch::Alarm": {"Arn": "AlarmArn"},
    "AWS::DynamoDB::GlobalTable": {"Arn": "TableArn", "StreamArn": "LatestStreamArn"},
    "AWS::DynamoDB::Table": {"Arn": "TableArn", "StreamArn": "LatestStreamArn"},
    "AWS::ECR::Repository": {"Arn": "repositoryArn"},
    "AWS::Events::ApiDestination": {"Arn": "ApiDestinationArn"},
    "AWS::Events::Archive": {"Arn": "ArchiveArn"},
    "AWS::Events::Connection": {"Arn": "ConnectionArn"},
    "AWS::Kinesis::Stream": {"Arn": "StreamARN"},
    "AWS::Lambda::Function": {"Arn": "FunctionArn"},
    "AWS::SQS::Queue": {"Arn": "QueueArn"},
}
_BY_ID = {
    "AWS::CloudWatch::CompositeAlarm.Arn": lambda at: f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{at}",
    "AWS::Lambda::Version.Version": lambda at: at.rpartition(":")[2],
    "AWS::Logs::LogGroup.Arn": lambda at: f"arn:aws:logs:us-east-1:123456789012:log-group:{at}:*",
    "AWS::S3::Bucket.Arn": lambda at: f"arn:aws:s3:::{at}",
    "AWS::SNS::Topic.TopicName": lambda at: at.rpartition(":")[2],
    "AWS::SQS::Queue.QueueName": lambda at: at.rpartition("/")[2],
    "AWS::StepFunctions::StateMachine.Name": lambda at: at.rpartition(":")[2],
}
_VALUES = {"AWS::S3::BucketPolicy": {"PolicyDocument": without_transport_denial}}
"""What is left out on purpose, as the registry says under `not_in_moto`."""


@dataclass
class Comparison:
    """What was compared of a stack, and the properties that AWS's API does not show as the template has them."""

    resources: int = 0
    properties: int = 0
    missing: Counter = field(default_factory=Counter)


class StackSeen:
    """One stack through the clients of a cloud. It stands for its resources as a Resolver wants them."""

    def __init__(self, client, name):
        self.client = client
        self.name = name
        cloudformation = client("cloudformation")
        (self.stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        body = cloudformation.get_template(StackName=name)["TemplateBody"]
        self.template = read(body if isinstance(body, str) else json.dumps(body))
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        self.ids = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
        }
        self.resource = cache(self._resource)
        self.answer = cache(self._answer)

    @cached_property
    def resolver(self):
        given = {
            each["ParameterKey"]: each.get("ResolvedValue", each["ParameterValue"])
            for each in self.stack.get("Parameters", [])
        }
        for name, body in self.template.body.get("Parameters", {}).items():
            if body.get("Type") == "CommaDelimitedList":
                given[name] = [each.strip() for each in given[name].split(",")]
        _, _, id_ = self.stack["StackId"].rpartition("/")
        return Resolver(self.template, PseudoParameters("123456789012", "us-east-1", self.name, id_), self, given)

    def ref(self, logical_id):
        return self.ids[logical_id]

    def imported(self, export):
        exports = self.client("cloudformation").list_exports()["Exports"]
        return next(each["Value"] for each in exports if each["Name"] == export)

    def attribute(self, logical_id, attribute):
        kind, physical_id = self.template.entries[logical_id].type, self.ids[logical_id]
        if by_id := _BY_ID.get(f"{kind}.{attribute}"):
            return by_id(physical_id)
        if kind in ("AWS::Lambda::LayerVersion", "AWS::Lambda::Alias", "AWS::SNS::Topic") or physical_id.startswith(
            "arn:"
        ):
            return physical_id
        return self.answer(logical_id)[_ATTRIBUTES.get(kind, {}).get(attribute, attribute)]

    def _resource(self, logical_id):
        entry = self.template.entries[logical_id]
        physical_id = self.ids[logical_id]
        name = physical_id.rpartition("|")[2]
        if entry.type == "AWS::Lambda::LayerVersion":
            name = physical_id.split(":")[-2]
        elif physical_id.startswith(("arn:", "http")):
            name = re.split("[:/]", physical_id)[-1]
        properties = self.resolver.properties(entry)
        return Resource(entry.type, logical_id, physical_id, name, properties, {}, {})

    def _answer(self, logical_id):
        resource = self.resource(logical_id)
        return READERS[resource.type](self.client(TYPES[resource.type].service), resource)

    def compare(self, comparison):
        """Hold every resource of the template that is to stand against what AWS's API shows of it."""
        for entry in self.template.entries.values():
            if entry.type not in IGNORED and self.resolver.stands(entry):
                comparison.resources += 1
                self._compare(entry.logical_id, comparison)

    def _compare(self, logical_id, comparison):
        resource = self.resource(logical_id)
        declared = TYPES[resource.type]
        shown = {key.lower(): value for key, value in {**self._tags(logical_id), **self.answer(logical_id)}.items()}
        passed = takes(declared)
        for name, value in declared.reshape(resource.properties).items():
            comparison.properties += 1
            take = passed.get(name)
            key = (take.argument.rsplit(".", 1)[-1] if take else "") or name
            meant = take.form(value) if take and take.form else value
            if special := _VALUES.get(resource.type, {}).get(name):
                meant = special(value)
            if not self._agrees(resource, name, shown.get(key.lower(), shown.get(name.lower())), meant):
                comparison.missing[f"{resource.type}.{name}"] += 1

    def _agrees(self, resource, name, shown, meant):
        if (resource.type, name) in (("AWS::Lambda::Function", "Code"), ("AWS::Lambda::LayerVersion", "Content")):
            return self._code_sha(resource) == self._asset_sha(resource.properties[name])
        return shows(shown, meant) or _names_it(shown, meant)

    def _tags(self, logical_id):
        resource = self.resource(logical_id)
        if "Tags" not in resource.properties:
            return {}
        arns = {"Arn": self.attribute(logical_id, "Arn")} if "Arn" in TYPES[resource.type].attributes else {}
        return tags(self, Resource(**{**resource.__dict__, "attributes": arns}))

    def _code_sha(self, resource):
        if resource.type == "AWS::Lambda::LayerVersion":
            version = int(resource.physical_id.rpartition(":")[2])
            layer = self.client("lambda").get_layer_version(LayerName=resource.name, VersionNumber=version)
            return layer["Content"]["CodeSha256"]
        return self.client("lambda").get_function(FunctionName=resource.name)["Configuration"]["CodeSha256"]

    def _asset_sha(self, given):
        asset = self.client("s3").get_object(Bucket=given["S3Bucket"], Key=given["S3Key"])
        return base64.b64encode(hashlib.sha256(asset["Body"].read()).digest()).decode()

    def wrongly_left(self):
        """After a destroy: what is there and should not be, or is not there and was to be retained."""
        return [name for name in self.ids if self._is_there(name) != self._is_retained(name)]

    def _is_retained(self, logical_id):
        entry = self.template.entries[logical_id]
        return entry.deletion_policy != "Delete" or entry.type == "AWS::KMS::Key"  # a key waits for its deletion

    def _is_there(self, logical_id):
        resource = self.resource(logical_id)
        try:
            return bool(READERS[resource.type](self.client(TYPES[resource.type].service), resource))
        except (ClientError, StopIteration, ValueError, KeyError, IndexError):
            return False


def _names_it(shown, meant):
    """An ARN where the template has the name that is its last part, or the other way round."""
    if not isinstance(shown, str) or not isinstance(meant, str):
        return False
    return re.split("[:/]", shown)[-1] == re.split("[:/]", meant)[-1] and "arn:" in f"{shown}{meant}"
