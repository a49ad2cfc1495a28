"""Finished runs of the workflow, made once and cloned by the tests that go on from them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from project_copy import SMOKE, Finished, ProjectCopy, closed_port
from tiny_shakespeare import PATH as TINY_SHAKESPEARE


@pytest.fixture(scope="session")
def make_once(tmp_path_factory):
    """Make a folder by a function, once for all of pytest-xdist's workers."""
    base = tmp_path_factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, build: Callable[[Path], None]) -> Path:
        folder, done = common / name, common / f"{name}.done"
        with FileLock(common / f"{name}.lock", timeout=900):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                build(folder)
                done.touch()
        return folder

    return make


def build_smoke(folder: Path) -> None:
    project = ProjectCopy.make(folder / "project")
    if not TINY_SHAKESPEARE.is_file():
        # The stand-in then serves, here and in all clones, whether or not there is a network.
        text = project.read("config/config.yaml")
        closed = f"urls: [http://127.0.0.1:{closed_port()}/input.txt]"
        project.write("config/config.yaml", re.sub(r"urls: \[.*\]", closed, text))
    done = project.snakemake("--cores", "2", *SMOKE, timeout=400)
    (folder / "output.txt").write_text(done.output, "utf-8")
    assert done.status == 0, done.output


@pytest.fixture(scope="session")
def smoke(make_once) -> ProjectCopy:
    """A project in which the smoke experiment has been built; for tests that only read."""
    return ProjectCopy(make_once("smoke", build_smoke) / "project")


@pytest.fixture(scope="session")
def smoke_output(smoke) -> Finished:
    """What that run printed."""
    return Finished(0, (smoke.root.parent / "output.txt").read_text("utf-8"))


@pytest.fixture
def smoke_clone(smoke, tmp_path) -> ProjectCopy:
    """A clone of it that a test may alter."""
    return smoke.clone(tmp_path / "clone")


@pytest.fixture
def project(tmp_path) -> ProjectCopy:
    """A project in which nothing has been built."""
    return ProjectCopy.make(tmp_path / "fresh" / "project")
