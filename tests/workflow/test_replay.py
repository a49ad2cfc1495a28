"""An experiment drawn from a record: the recorded numbers, no training and no corpus; damage stops it."""

from __future__ import annotations

import shutil

import pytest
from project_copy import FIGURES, PROJECT, texts_of

AGAIN = ("--config", "experiment=smoke_recorded")
JOBS = [("nano", 1), ("nano", 2), ("micro", 1)]


@pytest.fixture
def replay(smoke, project):
    """A project without results or corpora, but with a record of smoke that lacks one of its four runs."""
    arguments = [f"results/smoke/runs/{size}/seeds-{seed}-{seed}" for size, seed in JOBS]
    recorded = project.results / "recorded"
    added = smoke.shell(f"orderparam recorded add smoke {' '.join(arguments)} --recorded {recorded}")
    assert added.status == 0, added.output
    project.replace("config/config.yaml", "corpus_mirror: ../shared/corpora", "corpus_mirror: null")
    return project


def test_figures_and_page_come_from_the_record_alone(replay, smoke):
    done = replay.build("--cores", "2", *AGAIN)
    assert done.jobs() == {
        "collect_metrics": 1,
        "collect_verification": 1,
        "restore_sample": 4,
        "describe_architecture": 1,
        "compute_derivative": 1,
        **{f"draw_{figure}": 1 for figure in FIGURES},
        "write_up": 1,
        "all": 1,
    }
    assert "Error" not in done.output
    assert not (replay.results / "corpora").exists()
    for table in ("metrics.csv", "derivative.csv"):
        expected = [
            row for row in smoke.rows(f"results/smoke/{table}") if (row["size"], int(row["seed"])) in JOBS
        ]
        assert replay.rows(f"results/smoke_recorded/{table}") == expected
    for sample in smoke.files("results/smoke/samples"):
        assert replay.read(f"results/smoke_recorded/samples/{sample}") == smoke.read(
            f"results/smoke/samples/{sample}"
        )
    page = replay.read("results/smoke_recorded/write_up.html")
    assert "micro: 1 of 2 runs of 40 steps" in page
    assert replay.build("-n", *AGAIN).planned() == {}


def test_a_damaged_record_stops_its_replay_and_nothing_else(replay):
    path = replay.results / "recorded/smoke/runs/nano/seeds-2-2/metrics.csv"
    whole = path.read_text()
    target = "results/smoke_recorded/metrics.csv"
    replay.build("--cores", "2", target)
    made = replay.read(target)
    path.write_text(whole.replace("nano,2,60,", "nano,2,60,1", 1))
    # No job reads it while all that was made of it is there.
    for arguments in (["-n", *AGAIN], ["--cores", "2", target], ["--cores", "2", "--force", target]):
        done = replay.snakemake(*arguments)
        assert done.status != 0
        assert "runs/nano/seeds-2-2/metrics.csv: damaged or edited: expected sha256" in done.told
        assert replay.read(target) == made
    path.write_text(whole)
    assert replay.build("-n", target).planned() == {}

    (replay.results / "recorded/smoke/manifest.json").write_text("{")
    done = replay.snakemake("-n", *AGAIN)
    assert done.status != 0
    assert "experiment smoke_recorded cannot be replayed: " in done.told
    assert "recorded/smoke/manifest.json: not valid JSON" in done.told
    assert replay.snakemake("-n", "--config", "experiment=smoke").status == 0


def test_published_values_are_drawn_and_written_up_as_the_author_s(project):
    record = "results/recorded/paper"
    shutil.copytree(PROJECT / record, project.root / record)
    done = project.build("--cores", "2", "--config", "experiment=published", timeout=300)
    assert done.jobs() == {
        "tabulate_published": 1,
        "describe_architecture": 1,
        **{f"draw_{figure}": 1 for figure in FIGURES},
        "write_up": 1,
        "all": 1,
    }
    for figure in FIGURES[2:]:
        svg = project.read(f"results/published/figures/{figure}.svg")
        assert "(the author's values, not run here)" in texts_of(svg).replace("&#x27;", "'")
    page = project.read("results/published/write_up.html")
    assert "The author's published values." in page
    assert "10,788,929" in page
    assert "exact over fixed windows" not in page
    # Between step 0 and 1,000, where nothing is published, no step is interpolated.
    assert page.count("by step 1,000") == 2
