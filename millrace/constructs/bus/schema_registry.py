"""The schema registry of a bus."""

import json

from aws_cdk import aws_eventschemas as eventschemas
from constructs import Construct

from millrace.constructs.function.project import EventTypes
from millrace.events import Event
from millrace.flow.schemas import Form, registry_schema, schema_name


class SchemaRegistry(Construct):
    """A registry with the name of the bus: one schema per event that a construct on the bus publishes or consumes.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema-registry.html
    """

    def __init__(self, scope: Construct, *, name: str, schema_type: Form) -> None:
        super().__init__(scope, "Schemas")
        self._name = name
        self._type = schema_type
        self._registry = eventschemas.CfnRegistry(
            self, "Registry", registry_name=name, description=f"The events on the bus {name}."
        )

    def add(self, event_types: EventTypes) -> None:
        """Create the schema of each event that has none yet."""
        for event in event_types:
            if self.node.try_find_child(schema_name(event)) is None:
                self._add_schema(event)

    def _add_schema(self, event: type[Event]) -> None:
        schema = eventschemas.CfnSchema(
            self,
            schema_name(event),
            registry_name=self._name,
            schema_name=schema_name(event),
            type=self._type,
            content=json.dumps(registry_schema(event, self._type)),
        )
        schema.add_resource_dependency(self._registry)
