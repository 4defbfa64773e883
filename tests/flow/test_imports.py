"""Modules that a function imports and that nothing provides."""

import pytest
from handmade import assembly, of

from millrace.events import Catalog
from millrace.flow.checking import read_system
from millrace.flow.imports import missing_modules


@pytest.fixture
def missing(tmp_path):
    """The missing modules of a function with this handler, as (name, line)."""

    def find(source, **layer):
        file = tmp_path / "functions" / "ring" / "handler.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        facts = {"function": "ring", "kind": "processor", "sources": ["functions/ring"]}
        function = of("Lambda::Function", Layers=[{"Ref": "Layer"}]) | {"Metadata": {"millrace": facts}}
        layers = of("Lambda::LayerVersion") | {"Metadata": {"millrace": layer}}
        assembly(tmp_path, S={"Ring": function, "Layer": layers})
        system = read_system(tmp_path, Catalog([]), tmp_path)
        return [(each.name, each.location.line) for each in missing_modules(system, system.graph.functions[0])]

    return find


def test_module_that_no_layer_contains_is_missing(missing):
    assert missing("import json\nfrom requests.auth import A\nimport pydantic", provides=["pydantic"]) == [
        ("requests", 2)
    ]


def test_import_inside_a_function_counts(missing):
    assert missing("def handler(event):\n    import requests", provides=[]) == [("requests", 2)]


def test_modules_of_lambda_and_of_the_project_are_provided(missing):
    assert missing("import boto3, functions.contracts\nfrom . import logic", provides=[]) == []


def test_imports_for_types_and_imports_that_may_fail_do_not_count(missing):
    source = "if TYPE_CHECKING:\n    import a\ntry:\n    import b\nexcept ImportError:\n    b = None\n"
    assert missing(source, provides=[]) == []


def test_function_with_a_layer_of_unknown_content_has_no_missing_module(missing):
    assert missing("import requests") == []
