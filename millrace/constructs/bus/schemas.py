"""The schema registry of a bus."""

import json

from aws_cdk import aws_eventschemas as eventschemas
from constructs import Construct

from millrace.constructs.function.declared import EventTypes
from millrace.events import Event
from millrace.flow.schemas import Form, registry_schema, schema_name


class Schemas(Construct):
    """A registry with the bus's name: the schema of each event that something on the bus takes or publishes.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema-registry.html
    """

    def __init__(self, scope: Construct, *, name: str, form: Form) -> None:
        super().__init__(scope, "Schemas")
        self._name = name
        self._form = form
        self._registry = eventschemas.CfnRegistry(
            self, "Registry", registry_name=name, description=f"The events on the bus {name}."
        )

    def add(self, events: EventTypes) -> None:
        """Keep the schema of each event; one that is known already stays."""
        for event in events:
            if self.node.try_find_child(schema_name(event)) is None:
                self._keep(event)

    def _keep(self, event: type[Event]) -> None:
        schema = eventschemas.CfnSchema(
            self,
            schema_name(event),
            registry_name=self._name,
            schema_name=schema_name(event),
            type=self._form,
            content=json.dumps(registry_schema(event, self._form)),
        )
        schema.add_resource_dependency(self._registry)
