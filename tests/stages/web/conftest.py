"""A hostile server for every test that asks for one."""

import pytest

from tests.stages.web.hostile import Hostile


@pytest.fixture
def server():
    hostile = Hostile()
    yield hostile
    hostile.close()
