"""The fixture of the tests of functions and their sources."""

import pytest
from sources_kit import Site


@pytest.fixture
def site(empty_cloud, tmp_path):
    """A local cloud with nothing in it but a role."""
    yield Site(empty_cloud, tmp_path)
    empty_cloud.reset()
