"""The fixture of tests of functions and event sources."""

import pytest
from lambda_kit import Site


@pytest.fixture
def site(empty_cloud, tmp_path):
    """An empty local cloud with a role."""
    yield Site(empty_cloud, tmp_path)
    empty_cloud.reset()
