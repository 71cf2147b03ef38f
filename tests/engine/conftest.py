import pytest
from toys import entries


@pytest.fixture
def toys():
    """The catalogue with the toys in it."""
    with entries():
        yield
