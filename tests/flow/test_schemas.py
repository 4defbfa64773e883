"""Schemas of events in each dialect, checked by public validators."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import jsonschema
import pytest
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator
from pydantic import BaseModel, Field, create_model

from millrace.events import Catalog, Event
from millrace.flow.schemas import json_schema, registry_schema, schema_name

EVENTS = Path(__file__).parents[1] / "events"
SHOP = list(Catalog.load("functions.contracts"))
RECORDED = [json.loads(file.read_text()) for file in sorted(EVENTS.glob("*.json"))]


class Steam(BaseModel):
    kind: Literal["steam"]
    bar: float = Field(gt=0, lt=9)


class Water(BaseModel):
    kind: Literal["water"]


class Served(Event, source="tea.table", version=2):
    """An event with a field of each type of schema."""

    cup: Annotated[str, Field(min_length=1, examples=["blue"])]
    sugar: int | None = None
    heat: Annotated[Steam | Water, Field(discriminator="kind")]
    extra: Steam | None = Field(default=None, description="more of it")
    at: datetime
    price: Decimal
    sizes: tuple[int, str]
    marks: dict[Annotated[str, Field(pattern="^[a-z]+$")], int]
    either: int | str | None
    nothing: None = None


@pytest.fixture(params=[*SHOP, Served], ids=lambda event: event.__name__)
def event(request):
    return request.param


SERVED = {
    "cup": "blue",
    "heat": {"kind": "steam", "bar": 8.5},
    "at": "2026-01-15T09:30:00Z",
    "price": "1.20",
    "sizes": [1, "a"],
    "marks": {"a": 1},
    "either": None,
}
BROKEN = [{"cup": ""}, {"heat": {"kind": "steam", "bar": 9}}, {"sugar": "two"}, {"either": []}, {"nothing": 0}]


def envelope(data):
    recorded = RECORDED[0]
    detail = {"metadata": recorded["detail"]["metadata"], "data": data}
    return {**recorded, "source": "tea.table", "detail-type": "Served", "detail": detail}


def draft_4(document):
    return jsonschema.Draft4Validator(document)


def openapi(document):
    return OAS30Validator({"$ref": "#/components/schemas/AWSEvent", "components": document["components"]})


def test_json_schema_is_valid(event):
    jsonschema.Draft202012Validator.check_schema(json_schema(event))


def test_draft_4_document_is_valid(event):
    jsonschema.Draft4Validator.check_schema(registry_schema(event, "JSONSchemaDraft4"))


def test_openapi_document_is_valid(event):
    OpenAPIV30SpecValidator(registry_schema(event, "OpenApi3")).validate()


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["id"])
def test_recorded_event_is_valid_in_each_dialect(recorded):
    event = Catalog(SHOP).named(f"{recorded['source']}:{recorded['detail-type']}")
    jsonschema.Draft202012Validator(json_schema(event)).validate(recorded["detail"])
    draft_4(registry_schema(event, "JSONSchemaDraft4")).validate(recorded)
    openapi(registry_schema(event, "OpenApi3")).validate(recorded)


@pytest.mark.parametrize("valid", [{}, {"sugar": 2}, {"sugar": None}, {"either": "x"}, {"extra": None}, {"more": 1}])
def test_each_dialect_accepts_valid_events(valid):
    given = envelope(SERVED | valid)
    Served.read(given["detail"]["data"])
    jsonschema.Draft202012Validator(json_schema(Served)).validate(given["detail"])
    draft_4(registry_schema(Served, "JSONSchemaDraft4")).validate(given)
    openapi(registry_schema(Served, "OpenApi3")).validate(given)


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_each_dialect_rejects_invalid_events(broken):
    given = envelope(SERVED | broken)
    assert not jsonschema.Draft202012Validator(json_schema(Served)).is_valid(given["detail"])
    assert not draft_4(registry_schema(Served, "JSONSchemaDraft4")).is_valid(given)
    assert not openapi(registry_schema(Served, "OpenApi3")).is_valid(given)


def test_schema_name_has_the_form_of_aws():
    assert schema_name(Served) == "tea.table@Served"
    envelope = registry_schema(Served, "OpenApi3")["components"]["schemas"]["AWSEvent"]
    assert envelope["x-amazon-events-source"] == "tea.table"


def test_registry_document_has_the_version_of_the_contract():
    assert registry_schema(Served, "OpenApi3")["info"]["version"] == "2.0.0"
    assert registry_schema(Served, "JSONSchemaDraft4")["version"] == "2.0.0"


def test_model_name_awsevent_is_reserved():
    part = create_model("Detail", leaves=(str, ...))
    fine = create_model("Steeped", __base__=Event, __cls_kwargs__={"source": "tea.table"}, part=(part, ...))
    taken = create_model("AWSEvent", leaves=(str, ...))
    refused = create_model("Stirred", __base__=Event, __cls_kwargs__={"source": "tea.table"}, part=(taken, ...))
    assert list(registry_schema(fine, "OpenApi3")["components"]["schemas"]["Detail"]["properties"]) == ["leaves"]
    with pytest.raises(ValueError, match="Stirred contains a model named AWSEvent"):
        registry_schema(refused, "OpenApi3")
