"""docs/fidelity.md lists the behaviours that the tests check."""

import fidelity


def test_the_page_is_made_from_the_tests():
    assert fidelity.PAGE.read_text() == fidelity.text(), "run: python tests/fidelity.py"


def test_every_area_of_the_local_cloud_has_rows():
    areas = {row.area for row in fidelity.rows()}
    assert areas >= {"EventBridge", "IAM", "Lambda", "Event source mappings", "Step Functions", "CloudFormation"}
