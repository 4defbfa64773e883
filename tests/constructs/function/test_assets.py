"""The assets of functions and the layer contain the handlers and their code."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

FUNCTIONS = [
    "api_answers",
    "api_commands",
    "api_ingress",
    "arrange_shipping",
    "award_points",
    "charge_payment",
    "check_cargo",
    "complete_order",
    "issue_gift",
    "list_orders",
    "notify_by_mail",
    "notify_by_post",
    "place_order",
    "rate_credit",
    "record_breach",
    "refund_payment",
    "reject_order",
    "relay_order_store",
    "release_stock",
    "reserve_stock",
    "shelve_stock",
    "show_customer",
    "show_order",
    "show_points",
    "start_fulfilment",
    "upgrade_tier",
    "view_customers",
    "view_orders",
    "watch_access",
    "watch_cargo",
]
BUILT_IN = {"api_answers", "api_commands", "api_ingress", "relay_order_store", "start_fulfilment"}


def layer(template):
    (properties,) = template.of("Lambda::LayerVersion").values()
    return template.asset(properties["Content"]) / "python"


def test_every_folder_has_a_function_besides_the_built_in_ones(template):
    assert sorted(known["function"] for known in template.metadata().values()) == FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_handler_is_in_the_asset_or_the_layer(template, name):
    properties = template.resources[template.function(name)]["Properties"]
    module, _, attribute = properties["Handler"].rpartition(".")
    roots = [template.asset(properties["Code"]), layer(template)]
    (file,) = [r / f"{module.replace('.', '/')}.py" for r in roots if (r / f"{module.replace('.', '/')}.py").is_file()]
    assert f"def {attribute}(" in file.read_text()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_asset_contains_the_contracts_its_folder_and_imported_modules(template, name):
    asset = template.asset(template.resources[template.function(name)]["Properties"]["Code"])
    folders = {path.name for path in (asset / "functions").iterdir() if path.is_dir()}
    imported = {"reserve_stock"} if name == "release_stock" else set()
    assert folders == {"contracts", name, *imported} - BUILT_IN
    assert not [*asset.rglob("__pycache__"), *asset.rglob("requirements.txt")]


def test_asset_contains_only_the_imported_module_of_another_folder(template):
    asset = template.asset(template.resources[template.function("release_stock")]["Properties"]["Code"])
    imported = asset / "functions" / "reserve_stock"
    assert sorted(file.name for file in imported.iterdir()) == ["__init__.py", "logic.py"]


def test_layer_contains_only_the_runtime_packages(template):
    packages = {path.name for path in (layer(template) / "millrace").iterdir()}
    assert packages - {"__pycache__"} == {"__init__.py", "py.typed", "events", "runtime"}


def test_layer_contains_byte_code_that_depends_on_no_time(template):
    """https://docs.python.org/3/library/py_compile.html#py_compile.PycInvalidationMode"""
    events = layer(template) / "millrace" / "events"
    modules = list(events.glob("*.py"))
    compiled = [importlib.util.cache_from_source(str(module)) for module in modules]
    flags = {Path(file).read_bytes()[4:8] for file in compiled}
    assert modules
    assert flags == {b"\x01\x00\x00\x00"}  # the hash of the source, unchecked


def test_layer_contains_the_pinned_dependencies_for_the_architecture(template):
    packages = {path.name for path in layer(template).iterdir()}
    assert {"pydantic", "pydantic_core", "aws_lambda_powertools"} <= packages
    assert not {"bin", ".lock", "boto3"} & packages
    assert [file.name for file in (layer(template) / "pydantic_core").glob("*.so")] == [
        f"_pydantic_core.cpython-{sys.version_info.major}{sys.version_info.minor}-aarch64-linux-gnu.so"
    ]


def test_metadata_lists_sources_and_events_of_a_function(template):
    known = template.metadata()[template.function("award_points")]
    assert known["sources"] == ["functions/__init__.py", "functions/contracts", "functions/award_points"]
    assert known["kind"] == "processor"
    assert known["declaration"] == {
        "consumes": ["shop.fulfilment:OrderCompleted"],
        "publishes": ["shop.loyalty:PointsAwarded"],
    }


def shop(app):
    from infra.shop import Shop

    return Shop(app, "Shop")


def test_synth_is_deterministic(template, app, synthesised):
    """Compare a synth in another process with one in this process and another folder."""
    shop(app)
    assert json.dumps(synthesised().body) == json.dumps(template.body)


def test_changing_a_handler_changes_only_its_asset(template, app, synthesised, copied):
    handler = copied / "functions" / "issue_gift" / "handler.py"
    handler.write_text(handler.read_text() + "\n# changed\n")
    shop(app)
    after = synthesised()
    old, new = template.assets(), after.assets()
    assert [name for name in old if old[name] != new[name]] == ["issue_gift"]
    assert json.dumps(after.body).replace(new["issue_gift"], old["issue_gift"]) == json.dumps(template.body)


def test_deleted_file_is_removed_from_the_asset(copied, monkeypatch):
    from millrace.constructs.function.code import source_paths, stage

    monkeypatch.chdir(copied)
    extra = copied / "functions" / "upgrade_tier" / "tiers" / "names.json"
    extra.parent.mkdir()
    extra.write_text("{}")
    staged = stage("upgrade_tier", source_paths("upgrade_tier")) / "functions" / "upgrade_tier"
    assert (staged / "tiers" / "names.json").is_file()
    extra.unlink()
    stage("upgrade_tier", source_paths("upgrade_tier"))
    assert not (staged / "tiers").exists()
