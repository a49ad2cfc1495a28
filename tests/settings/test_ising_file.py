"""The settings of the systems with a known answer: this project's are valid, and every fault is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderparam.errors import ConfigError
from orderparam.settings.ising_file import load_ising

PROJECT = Path(__file__).resolve().parents[2]
GRID = "  a: {system: 2d, lengths: [4], temperatures: [2], samples: 400}\n"


def write(root, text):
    (root / "config/physics").mkdir(parents=True, exist_ok=True)
    (root / "config/physics/ising.yaml").write_text(text)


def test_this_project_is_valid_and_meets_what_the_figures_show():
    document = load_ising(PROJECT)
    assert {grid["system"] for grid in document["grids"].values()} == {"1d", "2d", "3d", "mean-field"}
    assert document["potts"]["states"] == 10
    assert max(document["potts"]["lengths"]) >= 40
    assert document["snapshots"]["length"] >= 128
    below, at, above = document["snapshots"]["relative_temperatures"]
    assert below < at == 1 < above


def test_defaults_are_filled_in(tmp_path):
    write(tmp_path, "grids:\n" + GRID)
    document = load_ising(tmp_path)
    assert document["seed"] == 1
    assert document["potts"] == {"states": 10, "lengths": [20, 30, 40], "samples": 60000}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("grids:\n" + GRID.replace("2d", "4d"), 'grids.a.system: found "4d"; must be 1d, 2d, 3d or mean'),
        ("grids:\n" + GRID.replace("[4]", "[2]"), "grids.a.lengths[0]: found 2; must be an integer >= 3"),
        ("grids:\n" + GRID.replace("samples", "sample"), "did you mean samples?"),
        (None, "No such file"),
    ],
)
def test_faults_are_told_with_file_and_key(tmp_path, text, expected):
    if text:
        write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_ising(tmp_path)
    assert str(caught.value).startswith("config/physics/ising.yaml has ")
    assert expected in str(caught.value)
