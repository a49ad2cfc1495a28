"""Faulty configuration and unknown names, as a user meets them: told by Snakemake, and nothing is run."""

from __future__ import annotations

import re

import pytest

SMOKE_FILE = "config/experiments/smoke.yaml"


@pytest.fixture(autouse=True)
def nothing_is_made(project):
    yield
    assert not project.results.exists()


def test_all_faults_of_all_files_are_listed_at_once(project):
    project.replace("config/config.yaml", "\ntracking:", "\nretries: 3\nretries: 3\ntracking:")
    project.replace(SMOKE_FILE, "learning_rate: 1e-2", "learning_rate: -1")
    project.replace(SMOKE_FILE, "  batch_size: 8", "  batchsize: 8")
    project.replace(SMOKE_FILE, "d_model: 32, n_head: 2", "d_model: 32, n_head: 3")
    done = project.snakemake("--cores", "2", "--config", "experiment=smok", "tracking={enabled: 7}")
    assert done.status != 0
    lines = [line.strip() for line in done.output.splitlines()]
    assert any("The configuration has 7 errors; nothing was run:" in line for line in lines)
    for file, *parts in (
        ("config/config.yaml", "retries: found", "3"),
        ("config/config.yaml", "retries: the key is already in line"),
        (SMOKE_FILE, "training.learning_rate", "-1", "> 0"),
        (SMOKE_FILE, "training.batchsize", "8", "batch_size"),
        (SMOKE_FILE, "sizes.micro.d_model", "32", "multiple of n_head, which is 3"),
    ):
        told = [line for line in lines if re.match(rf"{file}:\d+: {parts[0]}", line)]
        assert len(told) == 1, (parts, done.output)
        assert [part for part in parts if part not in told[0]] == []
    overridden = "config/config.yaml (overridden by --config or --configfile): "
    assert f"{overridden}tracking.enabled: found" in done.output
    assert f'{overridden}experiment: found "smok"; no such experiment in config/experiments' in done.output
    assert "Traceback (most recent" not in done.output
    assert done.planned() == {}


def test_an_unreadable_configuration_hides_no_fault_of_an_experiment(project):
    project.write("config/config.yaml", "corpora: [")
    project.write("config/experiments/mine.yaml", "sizes:\n  10K: {d_model: 32, n_head: 2}\n")
    done = project.snakemake("--cores", "1")
    assert done.status != 0
    assert "The configuration has 2 errors; nothing was run:" in done.output
    assert "config/config.yaml:1:11: not valid YAML" in done.output
    assert "config/experiments/mine.yaml:2: sizes.10K.n_layer: found no such key" in done.output


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("results/nope/metrics.csv", 'there is no experiment "nope"; known here: '),
        (
            "results/smoke/runs/giga/seeds-1-1/metrics.csv",
            'experiment smoke has no size "giga"; known here: nano, micro',
        ),
        ("results/corpora/nope/tokens.npy", 'there is no corpus "nope"; known here: '),
    ],
    ids=["experiment", "size", "corpus"],
)
def test_an_unknown_name_in_a_target_is_told_with_the_known_ones(project, target, message):
    done = project.snakemake("--cores", "1", target)
    assert done.status != 0
    told = next(line for line in done.output.splitlines() if message in line)
    if "nope" in target:
        known = {path.stem for path in (project.root / "config/experiments").iterdir()}
        corpora = {"tiny_shakespeare", "tiny_shakespeare_or_stand_in"}
        assert set(told.partition("known here: ")[2].split(", ")) >= (
            corpora if "corpora" in target else known
        )
    assert "Traceback (most recent" not in done.output
    assert done.planned() == {}


def test_the_workflow_does_without_the_experiments_that_it_ships(project):
    (project.root / "config/experiments/paper_as_coded.yaml").unlink()
    planned = project.snakemake("-n", "--config", "experiment=smoke")
    assert planned.status == 0, planned.output
    assert planned.planned()["train_model"] == 4
    benchmark = project.snakemake("-n", "results/benchmark/throughput.csv")
    assert benchmark.status != 0
    assert 'there is no experiment "paper_as_coded"; known here: controls, ' in benchmark.output
