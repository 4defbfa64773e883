"""docs/resources.md, and what `millrace resources` reads."""

from pathlib import Path

from millrace.local.resources_page import page, supported

PAGE = Path(__file__).parents[2] / "docs" / "resources.md"


def test_resources_page_is_current():
    assert PAGE.read_text() == page(), "run: python -m millrace.local.resources_page > docs/resources.md"


def test_every_type_is_served_or_stored():
    assert [each.type for each in supported() if not each.served and not each.stored] == []


def test_property_without_effect_has_a_reason():
    (function,) = [each for each in supported() if each.type == "AWS::Lambda::Function"]
    assert "Handler" in function.served
    assert "RuntimeManagementConfig" in function.stored.keys() - set(function.served)
