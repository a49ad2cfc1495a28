"""A project in a folder of any name, with links among its results: nothing is written outside it."""

from __future__ import annotations

from project_copy import ProjectCopy
from test_damaged_files import content

DESCRIBED = "results/tiny/architecture.json"
TRAINED = "results/tiny/runs/nano/seeds-1-1/trajectory.parquet"


def test_odd_names_work_and_links_lead_nowhere(tmp_path):
    project = ProjectCopy.make(tmp_path / "fresh" / '-ü "q %20#&')
    project.write_experiment("tiny")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs")
    before = content(outside)

    # A file is replaced by what is made, not written through.
    (project.results / "tiny").mkdir(parents=True)
    (project.root / DESCRIBED).symlink_to(outside / "file")
    assert project.shell("orderparam config check").output.rstrip().endswith("ok")
    done = project.build("--cores", "1", "--force", DESCRIBED)
    assert done.last_line.startswith("Browse the tracked runs: make ui")
    assert "warning" not in done.output
    assert (project.root / DESCRIBED).is_file() and not (project.root / DESCRIBED).is_symlink()

    # A folder is refused, before anything is made.
    (project.results / "tiny/runs").symlink_to(outside)
    refused = project.snakemake("--cores", "1", TRAINED)
    assert refused.status != 0
    assert f"results/tiny/runs is a link to {outside}" in refused.told
    assert refused.jobs() == {}
    assert content(outside) == before
    assert {path.name for path in tmp_path.iterdir()} == {"fresh", "outside"}
    assert {path.name for path in project.root.parent.iterdir()} <= {project.root.name, "shared"}
