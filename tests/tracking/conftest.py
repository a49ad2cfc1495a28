"""A store without runs, to start from a copy of it: creating one takes seconds."""

import shutil

import pytest
from tracking_helpers import update


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    root = tmp_path_factory.mktemp("empty")
    update(root)
    return root / "results/mlflow.db"


@pytest.fixture
def with_store(tmp_path, empty_store):
    """An empty store in the project at `tmp_path`."""
    (tmp_path / "results").mkdir()
    shutil.copy(empty_store, tmp_path / "results/mlflow.db")
