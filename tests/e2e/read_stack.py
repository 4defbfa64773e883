"""Compares a deployed stack with its template, through AWS's APIs only.

The template is resolved from what the APIs return; nothing is read from the deployer.
"""

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, cached_property

from botocore.exceptions import ClientError
from readers import READERS, arguments, matches, tags

from millrace.local.cloudformation.api.templates import parse
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
    "AWS::CloudWatch::CompositeAlarm.Arn": lambda physical_id: (
        f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{physical_id}"
    ),
    "AWS::Lambda::Version.Version": lambda physical_id: physical_id.rpartition(":")[2],
    "AWS::Logs::LogGroup.Arn": lambda physical_id: f"arn:aws:logs:us-east-1:123456789012:log-group:{physical_id}:*",
    "AWS::S3::Bucket.Arn": lambda physical_id: f"arn:aws:s3:::{physical_id}",
    "AWS::SNS::Topic.TopicName": lambda physical_id: physical_id.rpartition(":")[2],
    "AWS::SQS::Queue.QueueName": lambda physical_id: physical_id.rpartition("/")[2],
    "AWS::StepFunctions::StateMachine.Name": lambda physical_id: physical_id.rpartition(":")[2],
}
_CONVERSIONS = {"AWS::S3::BucketPolicy": {"PolicyDocument": without_transport_denial}}
"""Conversions of properties that the registry changes on purpose, as `not_in_moto` describes."""


@dataclass
class Comparison:
    """How much was compared, and the properties that AWS's API does not return as the template has them."""

    resources: int = 0
    properties: int = 0
    missing: Counter = field(default_factory=Counter)


class DeployedStack:
    """One stack through the clients of a cloud. Implements `ResourceValues`."""

    def __init__(self, client, name):
        self.client = client
        self.name = name
        cloudformation = client("cloudformation")
        (self.stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        body = cloudformation.get_template(StackName=name)["TemplateBody"]
        self.template = parse(body if isinstance(body, str) else json.dumps(body))
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        self.ids = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
        }
        self.resource = cache(self._resource)
        self.read = cache(self._read)

    @cached_property
    def resolver(self):
        parameters = {
            each["ParameterKey"]: each.get("ResolvedValue", each["ParameterValue"])
            for each in self.stack.get("Parameters", [])
        }
        for name, body in self.template.body.get("Parameters", {}).items():
            if body.get("Type") == "CommaDelimitedList":
                parameters[name] = [each.strip() for each in parameters[name].split(",")]
        _, _, id_ = self.stack["StackId"].rpartition("/")
        return Resolver(self.template, PseudoParameters("123456789012", "us-east-1", self.name, id_), self, parameters)

    def ref(self, logical_id):
        return self.ids[logical_id]

    def import_value(self, export):
        exports = self.client("cloudformation").list_exports()["Exports"]
        return next(each["Value"] for each in exports if each["Name"] == export)

    def attribute(self, logical_id, attribute):
        kind, physical_id = self.template.resources[logical_id].type, self.ids[logical_id]
        if by_id := _BY_ID.get(f"{kind}.{attribute}"):
            return by_id(physical_id)
        if kind in ("AWS::Lambda::LayerVersion", "AWS::Lambda::Alias", "AWS::SNS::Topic") or physical_id.startswith(
            "arn:"
        ):
            return physical_id
        return self.read(logical_id)[_ATTRIBUTES.get(kind, {}).get(attribute, attribute)]

    def _resource(self, logical_id):
        definition = self.template.resources[logical_id]
        physical_id = self.ids[logical_id]
        name = physical_id.rpartition("|")[2]
        if definition.type == "AWS::Lambda::LayerVersion":
            name = physical_id.split(":")[-2]
        elif physical_id.startswith(("arn:", "http")):
            name = re.split("[:/]", physical_id)[-1]
        properties = self.resolver.properties(definition)
        return Resource(definition.type, logical_id, physical_id, name, properties, {}, {})

    def _read(self, logical_id):
        resource = self.resource(logical_id)
        return READERS[resource.type](self.client(TYPES[resource.type].service), resource)

    def compare(self, comparison):
        """Compare every resource of the template with what AWS's API returns."""
        for definition in self.template.resources.values():
            if definition.type not in IGNORED and self.resolver.is_included(definition):
                comparison.resources += 1
                self._compare(definition.logical_id, comparison)

    def _compare(self, logical_id, comparison):
        resource = self.resource(logical_id)
        declared = TYPES[resource.type]
        found = {key.lower(): value for key, value in {**self._tags(logical_id), **self.read(logical_id)}.items()}
        passed = arguments(declared)
        for name, value in declared.reshape(resource.properties).items():
            comparison.properties += 1
            argument = passed.get(name)
            key = (argument.path.rsplit(".", 1)[-1] if argument else "") or name
            expected = argument.convert(value) if argument and argument.convert else value
            if convert := _CONVERSIONS.get(resource.type, {}).get(name):
                expected = convert(value)
            if not self._matches(resource, name, found.get(key.lower(), found.get(name.lower())), expected):
                comparison.missing[f"{resource.type}.{name}"] += 1

    def _matches(self, resource, name, found, expected):
        if (resource.type, name) in (("AWS::Lambda::Function", "Code"), ("AWS::Lambda::LayerVersion", "Content")):
            return self._code_sha(resource) == self._asset_sha(resource.properties[name])
        return matches(found, expected) or _is_same_name(found, expected)

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

    def _asset_sha(self, code):
        asset = self.client("s3").get_object(Bucket=code["S3Bucket"], Key=code["S3Key"])
        return base64.b64encode(hashlib.sha256(asset["Body"].read()).digest()).decode()

    def unexpected_after_destroy(self):
        """Return the logical ids that exist although they should be deleted, or are deleted although retained."""
        return [name for name in self.ids if self._exists(name) != self._is_retained(name)]

    def _is_retained(self, logical_id):
        definition = self.template.resources[logical_id]
        return definition.deletion_policy != "Delete" or definition.type == "AWS::KMS::Key"

    def _exists(self, logical_id):
        resource = self.resource(logical_id)
        try:
            return bool(READERS[resource.type](self.client(TYPES[resource.type].service), resource))
        except (ClientError, StopIteration, ValueError, KeyError, IndexError):
            return False


def _is_same_name(found, expected):
    """Return whether one is an ARN and the other the name at its end."""
    if not isinstance(found, str) or not isinstance(expected, str):
        return False
    return re.split("[:/]", found)[-1] == re.split("[:/]", expected)[-1] and "arn:" in f"{found}{expected}"
