"""The lattices as a target of the workflow, on grids that take seconds."""

from __future__ import annotations

import pytest
from project_copy import ProjectCopy

SMALL = """\
grids:
  chain: {system: 1d, lengths: [8, 16], temperatures: [0.8, 1, 1.2, 1.4, 1.6, 1.8, 2, 3], samples: 2000}
  square:
    {system: 2d, lengths: [4, 8], temperatures: [1.9, 2, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6], samples: 2000}
  cube: {system: 3d, lengths: [3], temperatures: [4, 5], samples: 1000}
  mean-field: {system: mean-field, lengths: [32], temperatures: [0.7, 1.3], samples: 2000}
potts: {lengths: [8], samples: 1000}
snapshots: {length: 16, sweeps: 10}
"""


@pytest.mark.slow
def test_everything_of_the_lattices_is_built_and_nothing_is_built_twice(tmp_path):
    project = ProjectCopy.make(tmp_path / "project", mirror=False)
    project.write("config/physics/ising.yaml", SMALL)
    done = project.build("--cores", "2", "ising", timeout=600)
    assert done.jobs()["sample_ising"] == 4
    assert len(list((project.results / "ising/figures").glob("*.png"))) == 6
    (everything,) = (
        row
        for row in project.rows("results/ising/validation_summary.csv")
        if row["system"] == row["observable"] == "all"
    )
    assert everything["agrees"] == "True"
    assert int(everything["count"]) == (16 + 16 + 2 + 2) * 5
    critical = project.rows("results/ising/critical.csv")
    assert [row["temperature"] for row in critical if row["system"] == "1d"] == [""]
    assert "Nothing to be done" in project.build("--cores", "2", "ising").output
