"""What a cluster is asked for: read off the calls of a made-up sbatch, on a machine without a GPU."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest
from project_copy import wait_for

# Takes any job, and notes how it was called: a file each, since several are submitted at once.
PROGRAMS = {
    "sbatch": 'printf "%s " "$@" > "$CALLS/$$.part"; mv "$CALLS/$$.part" "$CALLS/$$.call"; echo $$',
    "squeue": "exit 1",
    "scontrol": 'echo "MinJobAge = 300 sec"',
    "sinfo": "echo batch*",
    "scancel": "exit 0",
    "sacct": "exit 1",
    "sacctmgr": "exit 1",
}


@pytest.fixture
def submit(smoke_clone, tmp_path, monkeypatch):
    """A function that submits an experiment's trainings, and returns the calls of sbatch by size."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    # Python's own folder comes first in tests, and has none of these.
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    calls = tmp_path / "calls"
    calls.mkdir()
    monkeypatch.setenv("CALLS", str(calls))
    assert not Path(sys.executable).with_name("sbatch").exists()

    def run(name: str, count: int) -> list[str]:
        options = ["--profile", "profiles/slurm", "--slurm-status-command", "squeue"]
        process = smoke_clone.start(*options, f"results/{name}/metrics.csv")
        wait_for(lambda: len(list(calls.glob("*.call"))) >= count, "all submissions")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return [call.read_text() for call in calls.glob("*.call")]

    return smoke_clone, run


def option(call: str, name: str) -> int:
    return int(re.search(rf" {name} (\d+)", call)[1])


def test_the_setting_asks_for_a_gpu_whatever_this_machine_has(submit):
    project, run = submit
    shape = {"d_model": 16, "n_head": 2, "n_layer": 1}
    sizes = {"open": {**shape, "device": "auto"}, "bound": {**shape, "device": "cpu"}}
    sizes["long"] = {**sizes["bound"], "steps": 2_000_000, "checkpoint_every": 100_000}
    project.write_experiment("mixed", sizes=sizes, seeds=[1, 2])
    calls = run("mixed", 6)
    # A training with its verification is one job, and nothing else is sent.
    groups = [re.search(r"mixed-(\w+)-seeds-(\d)-\d", call) for call in calls]
    assert all(groups)
    of = {size: [call for call in calls if f"mixed-{size}-" in call] for size in sizes}
    assert {size: len(found) for size, found in of.items()} == dict.fromkeys(sizes, 2)
    for size, found in of.items():
        assert all(("--gpus" in call) == (size == "open") for call in found), size
        assert all("--cpus-per-task=1 " in call for call in found)
        assert all(option(call, "--mem") >= 2000 for call in found)
    assert option(of["long"][0], "-t") > 100 > option(of["bound"][0], "-t")
