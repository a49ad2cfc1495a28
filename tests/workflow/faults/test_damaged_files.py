"""A file that is no longer what the job that made it noted is an error, and the error's advice leads on."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest
from project_copy import CORPUS, ProjectCopy

SMOKE = "results/smoke"
RUN = f"{SMOKE}/runs/nano/seeds-1-1"
TOKENS, VOCABULARY = (f"results/corpora/{CORPUS}/{name}" for name in ("tokens.npy", "vocabulary.json"))


def change(path: Path, at: int, new: bytes) -> None:
    """Overwrite bytes of a file in place, at the same time as before and so unseen by Snakemake."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        file.write(new)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flip(path: Path) -> None:
    last = path.read_bytes()[-9]
    change(path, -9, bytes([last ^ 1]))


def zero(path: Path) -> None:
    size = path.stat().st_size
    change(path, size // 4, bytes(size - size // 4))


def content(path: Path) -> dict[str, bytes]:
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


ADVICE = re.compile(
    r"(?:delete the folder (?P<folder>\S+)|(?P<file>\S+/\S+): \S.*; delete it) to have it made anew"
    r"|restore it from Git: (?P<git>git checkout -- \S+)|train again: (?P<train>snakemake .+)"
)


def follow(project: ProjectCopy, output: str) -> str:
    """Do what the first advice in the output says, and nothing else; returns it."""
    found = ADVICE.search(output)
    assert found, output
    advice = found.groupdict()
    if path := advice["folder"] or advice["file"]:
        path = path.removeprefix("error: ")
        shutil.rmtree(project.root / path) if (project.root / path).is_dir() else (
            project.root / path
        ).unlink()
    else:
        done = project.shell(advice["git"] or advice["train"], timeout=400)
        assert done.status == 0, done.output
    return found[0]


def check_that_advice_leads_on(project: ProjectCopy, damaged: str, target: str) -> None:
    done = project.snakemake("--cores", "1", "--force", target)
    assert done.status != 0, done.output
    assert damaged in done.output
    assert "Traceback (most recent" not in done.output
    follow(project, done.told)
    project.build("--cores", "2", target)


SELECTED = [(TOKENS, zero, f"results/corpora/{CORPUS}/ngram_entropies.csv")]
ALL = [
    (TOKENS, flip, f"{RUN}/probes.csv"),
    (VOCABULARY, flip, f"{SMOKE}/architecture.json"),
    (f"{RUN}/trajectory.parquet", flip, f"{RUN}/verification.csv"),
    (f"{RUN}/verification.csv", flip, f"{SMOKE}/verification.csv"),
    (f"{SMOKE}/metrics.csv", flip, f"{SMOKE}/derivative.csv"),
    (f"{SMOKE}/derivative.csv", flip, f"{SMOKE}/figures/fig5_loss_derivative_vs_order_parameter.svg"),
    (f"{SMOKE}/samples/nano/seed-1-evaluation.txt", zero, f"{SMOKE}/write_up.html"),
]


@pytest.mark.parametrize(
    ("damaged", "damage", "target"),
    [*SELECTED, *(pytest.param(*each, marks=pytest.mark.slow) for each in ALL)],
)
def test_a_damaged_input_is_refused_and_deleting_it_rebuilds_all(smoke_clone, damaged, damage, target):
    project = smoke_clone
    if not (project.root / target).exists():
        project.build("--cores", "1", target)
    before = [content(project.root / path) for path in (damaged, target)]
    damage(project.root / damaged)
    check_that_advice_leads_on(project, damaged, target)
    assert [content(project.root / path) for path in (damaged, target)] == before


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused_and_deleting_the_folder_trains_again(smoke_clone):
    project = smoke_clone
    folder, target = f"{RUN}/checkpoints", f"{SMOKE}/samples/nano/seed-1-evaluation.txt"
    before = [content(project.root / path) for path in (folder, target)]
    flip(project.root / folder / "seed-1/step-000060.safetensors")
    check_that_advice_leads_on(project, folder, target)
    assert [content(project.root / path) for path in (folder, target)] == before


@pytest.mark.slow
def test_a_trajectory_that_disagrees_with_its_checkpoints_is_trained_again_as_advised(smoke_clone):
    project = smoke_clone
    path, target = project.root / RUN / "trajectory.parquet", f"{RUN}/verification.csv"
    before = content(path)
    trajectory = pd.read_parquet(path)
    trajectory.loc[trajectory.index[-1], "order_parameter"] *= 1.001
    trajectory.to_parquet(path)
    # Without the job's record nothing but the checkpoints tells.
    (project.results / "smoke/jobs/train_model.nano-seeds-1-1.json").unlink()
    done = project.snakemake("--cores", "1", "--force", target)
    assert "order_parameter recomputed from the weights" in done.output
    assert "snakemake --cores 1 --force" in follow(project, done.told)
    project.build("--cores", "1", target)
    assert content(path) == before


def test_a_damaged_record_is_restored_as_advised(smoke_clone):
    project = smoke_clone
    recorded = project.results / "recorded/paper"
    shutil.copytree("results/recorded/paper", recorded)
    git = "git -c user.name=a -c user.email=a@b"
    made = project.shell(f"git init -q . && git add -f results/recorded && {git} commit -q -m records")
    assert made.status == 0, made.output
    before = content(recorded)
    for name in ("manifest.json", "experiment.json", "runs/10K/seeds-1337-1337/metrics.csv"):
        # Git compares whole seconds, and damage that leaves size and time would pass in the same one.
        time.sleep(1.1)
        zero(recorded / name)
        done = project.snakemake("--cores", "1", "results/replay/metrics.csv")
        assert done.status != 0 and name in done.output
        assert follow(project, done.told).startswith("restore it from Git")
        assert content(recorded) == before
    project.build("--cores", "1", "results/replay/metrics.csv")
