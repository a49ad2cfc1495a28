"""A finished training is not lost to a job that was to replace it; what changes no number reruns nothing."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest
from project_copy import CORPUS, SMOKE, ProjectCopy, finish, held_training, wait_for
from test_damaged_files import content, flip

MODEL = "workflow/orderparam/model/gpt.py"
TARGET = "results/smoke/metrics.csv"
RUN = "results/smoke/runs/nano/seeds-1-1"
PUT_BACK = "put back what was made on"


def outputs(project: ProjectCopy) -> dict[str, dict[str, bytes]]:
    names = ("trajectory.parquet", "steps.parquet", "checkpoints")
    return {name: content(project.root / RUN / name) for name in names}


def check_put_back(project: ProjectCopy, before: dict[str, dict[str, bytes]], jobs: int = 4) -> None:
    # The first target has the vocabulary made anew, which for the second alone nobody would ask for.
    done = project.build("--cores", "2", "results/smoke/architecture.json", TARGET)
    assert done.output.count(PUT_BACK) == jobs
    assert "tokens/s" not in done.output
    assert outputs(project) == before


def test_a_changed_constant_an_interrupt_and_the_change_taken_back(smoke_clone):
    project, target = smoke_clone, f"{RUN}/trajectory.parquet"
    before, original = outputs(project), project.read(MODEL)
    project.write(MODEL, f"{original}\n\nREMARK = 1\n")
    process = project.start("--cores", "1", target)
    wait_for(lambda: not (project.root / target).exists(), "Snakemake to delete the outputs")
    with held_training(project):
        os.killpg(process.pid, signal.SIGINT)
    assert finish(process).status != 0
    project.write(MODEL, original)
    again = project.build("--cores", "1", target)
    assert PUT_BACK in again.output
    assert "tokens/s" not in again.output
    assert outputs(project) == before
    # Told to make it anew, it does.
    forced = project.build("--cores", "1", "--force", target)
    assert PUT_BACK not in forced.output
    assert outputs(project) == before


# Snakemake, halted where it has chosen a training, and neither noted that it began nor started its process.
HALTED_AT_THE_START = """
import subprocess, sys, time
from pathlib import Path
from snakemake.cli import main
from snakemake.persistence import PersistenceBase

def halted(function, is_concerned):
    def call(self, what, *arguments, **options):
        if is_concerned(what):
            Path("chosen").touch()
            while not Path("go").exists():
                time.sleep(0.05)
        return function(self, what, *arguments, **options)
    return call

PersistenceBase.started = halted(PersistenceBase.started, lambda job: job.rule.name == "train_model")
subprocess.Popen.__init__ = halted(subprocess.Popen.__init__, lambda command: "train_model" in str(command))
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_the_choice_of_a_job_and_its_start_stops_it_too(smoke_clone, number):
    project, target = smoke_clone, f"{RUN}/trajectory.parquet"
    before, original = outputs(project), project.read(MODEL)
    project.replace(MODEL, "self.contract(self.expand(x))", "self.contract(-self.expand(x))")
    process = project.start("--cores", "1", target, program=("-c", HALTED_AT_THE_START))
    wait_for((project.root / "chosen").exists, "Snakemake to choose the training")
    os.killpg(process.pid, number)
    # It has arrived, and its handler has begun.
    time.sleep(2)
    (project.root / "go").touch()
    done = finish(process)
    assert done.status != 0
    assert "train_model" not in done.jobs()
    assert not (project.root / target).exists(), done.output
    project.write(MODEL, original)
    again = project.build("--cores", "1", target)
    assert PUT_BACK in again.output
    assert outputs(project) == before


def test_code_edited_while_a_command_runs_makes_nothing_that_counts_as_made_before(smoke_clone):
    project, target = smoke_clone, "results/tiny/metrics.csv"
    edited = "workflow/orderparam/measuring/verification.py"
    project.write_experiment("tiny")
    original = project.read(edited)
    process = project.start("--cores", "1", target)
    with held_training(project, arrived=lambda: True):
        project.write(edited, f"{original}\n\nREMARK = 1\n")
    done = finish(process)
    assert done.status != 0
    assert done.jobs() == {"train_model": 1}
    assert f"{edited} was edited after this command began" in done.told
    assert "Traceback (most recent" not in done.output
    # What does not change what the code does is no edit; the training stands.
    project.write(edited, f"{original}# a remark\n")
    again = project.build("--cores", "1", target)
    assert "train_model" not in again.jobs()


@pytest.mark.slow
def test_a_damaged_vocabulary_repaired_as_advised_trains_nothing(smoke_clone):
    project = smoke_clone
    before = outputs(project)
    vocabulary = project.root / f"results/corpora/{CORPUS}/vocabulary.json"
    flip(vocabulary)
    refused = project.snakemake("--cores", "1", "--force", "results/smoke/architecture.json")
    assert "delete it" in refused.output
    vocabulary.unlink()
    check_put_back(project, before)


def test_where_and_on_how_many_threads_reruns_nothing_and_a_missing_device_deletes_nothing(smoke_clone):
    project = smoke_clone
    before = outputs(project)
    smoke = "config/experiments/smoke.yaml"
    project.replace(smoke, "device: cpu", "device: cuda:77\n  threads: 2")
    assert project.build("-n", *SMOKE).planned() == {}
    project.replace(smoke, "learning_rate: 1e-2", "learning_rate: 2e-2")
    refused = project.snakemake("--cores", "2", TARGET)
    assert refused.status != 0
    assert refused.jobs() == {}
    assert "'cuda:77' is configured, but this machine has" in refused.output
    assert "Traceback (most recent" not in refused.output
    assert outputs(project) == before


def test_a_fresh_checkout_reruns_nothing(smoke_clone):
    project = smoke_clone
    shutil.copytree("results/recorded/paper", project.results / "recorded/paper")
    project.build("--cores", "2", "results/replay/metrics.csv")
    for path in project.root.rglob("*"):
        if path.is_file() and (path.parts[len(project.root.parts)] != "results" or "recorded" in path.parts):
            os.utime(path)
    assert project.build("-n", *SMOKE).planned() == {}
    assert project.build("-n", "results/replay/metrics.csv").planned() == {}
