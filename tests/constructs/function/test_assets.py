"""The code that is deployed: each asset opened, and the handler found in it."""

import json

import pytest

FUNCTIONS = [
    "api_answers",
    "api_commands",
    "api_door",
    "arrange_shipping",
    "award_points",
    "charge_payment",
    "complete_order",
    "issue_gift",
    "list_orders",
    "notify_by_mail",
    "notify_by_post",
    "place_order",
    "rate_credit",
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
]
OF_THE_KIT = {"api_answers", "api_commands", "api_door", "relay_order_store", "start_fulfilment"}


def layer(template):
    (properties,) = template.of("Lambda::LayerVersion").values()
    return template.asset(properties["Content"]) / "python"


def test_there_is_one_function_for_each_folder_and_those_of_the_kit_itself(template):
    assert sorted(facts["function"] for facts in template.facts().values()) == FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_handler_is_in_its_asset_or_in_the_layer(template, name):
    properties = template.resources[template.function(name)]["Properties"]
    module, _, attribute = properties["Handler"].rpartition(".")
    places = [template.asset(properties["Code"]), layer(template)]
    (file,) = [p / f"{module.replace('.', '/')}.py" for p in places if (p / f"{module.replace('.', '/')}.py").is_file()]
    assert f"def {attribute}(" in file.read_text()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_asset_holds_the_contracts_and_its_own_folder_and_what_that_imports(template, name):
    asset = template.asset(template.resources[template.function(name)]["Properties"]["Code"])
    folders = {place.name for place in (asset / "functions").iterdir() if place.is_dir()}
    borrowed = {"reserve_stock"} if name == "release_stock" else set()
    assert folders == {"contracts", name, *borrowed} - OF_THE_KIT
    assert not [*asset.rglob("__pycache__"), *asset.rglob("requirements.txt")]


def test_of_another_folder_only_the_imported_module_comes_along(template):
    asset = template.asset(template.resources[template.function("release_stock")]["Properties"]["Code"])
    borrowed = asset / "functions" / "reserve_stock"
    assert sorted(file.name for file in borrowed.iterdir()) == ["__init__.py", "logic.py"]


def test_the_layer_holds_the_runtime_and_no_other_room(template):
    rooms = {place.name for place in (layer(template) / "millrace").iterdir()}
    assert rooms == {"__init__.py", "py.typed", "events", "runtime"}
    assert not list((layer(template) / "millrace").rglob("__pycache__"))


def test_the_layer_holds_the_pinned_dependencies_for_the_functions_architecture(template):
    packages = {place.name for place in layer(template).iterdir()}
    assert {"pydantic", "pydantic_core", "aws_lambda_powertools"} <= packages
    assert not {"bin", ".lock", "boto3"} & packages
    assert [file.name for file in (layer(template) / "pydantic_core").glob("*.so")] == [
        "_pydantic_core.cpython-314-aarch64-linux-gnu.so"
    ]


def test_every_function_says_where_its_code_comes_from(template):
    facts = template.facts()[template.function("award_points")]
    assert facts["sources"] == ["functions/__init__.py", "functions/contracts", "functions/award_points"]
    assert facts["kind"] == "processor"
    assert facts["declaration"] == {
        "consumes": ["shop.fulfilment:OrderCompleted"],
        "publishes": ["shop.loyalty:PointsAwarded"],
    }


def shop(app):
    from aws_cdk import RemovalPolicy

    from infra.shop import Shop

    return Shop(app, "Shop", removal=RemovalPolicy.DESTROY)


def test_two_synths_of_one_source_are_equal(template, app, synthesised):
    """One by the app in a process of its own, one here, in another folder."""
    shop(app)
    assert json.dumps(synthesised().body) == json.dumps(template.body)


def test_changing_one_handler_changes_one_asset_and_nothing_else(template, app, synthesised, copied):
    handler = copied / "functions" / "issue_gift" / "handler.py"
    handler.write_text(handler.read_text() + "\n# changed\n")
    shop(app)
    after = synthesised()
    old, new = template.assets(), after.assets()
    assert [name for name in old if old[name] != new[name]] == ["issue_gift"]
    assert json.dumps(after.body).replace(new["issue_gift"], old["issue_gift"]) == json.dumps(template.body)


def test_a_file_that_is_gone_vanishes_from_the_asset(copied, monkeypatch):
    from millrace.constructs.function.code import sources, stage

    monkeypatch.chdir(copied)
    extra = copied / "functions" / "upgrade_tier" / "tiers" / "names.json"
    extra.parent.mkdir()
    extra.write_text("{}")
    staged = stage("upgrade_tier", sources("upgrade_tier")) / "functions" / "upgrade_tier"
    assert (staged / "tiers" / "names.json").is_file()
    extra.unlink()
    stage("upgrade_tier", sources("upgrade_tier"))
    assert not (staged / "tiers").exists()
