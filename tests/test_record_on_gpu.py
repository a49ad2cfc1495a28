"""The script that makes the record on a GPU, at two steps of small models on a CPU."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
TRY_AGAIN = 75


@pytest.fixture
def call(corpus, tmp_path):
    """Runs the script in a project with a tokenized corpus."""
    project = tmp_path / "project"
    folder = project / "results" / "corpora" / "tiny_shakespeare_or_stand_in"
    folder.mkdir(parents=True)
    for path in corpus:
        shutil.copy(path, folder)
    (project / "workflow").symlink_to(ROOT / "workflow")
    shutil.copytree(ROOT / "config", project / "config")
    smoke = (ROOT / "config" / "experiments" / "smoke.yaml").read_text()
    # Other precisions than float32 are refused where the device is a CPU for certain.
    (project / "config" / "experiments" / "tried.yaml").write_text(
        smoke.replace("device: cpu", "device: auto")
    )

    # The machine with the card lacks it.
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "pydantic.py").write_text("raise ImportError('no pydantic here')")

    def run(*arguments):
        command = [sys.executable, "workflow/record_on_gpu.py", *arguments]
        absent = [str(tmp_path / "absent")] if arguments[0] == "go" else []
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([*absent, str(ROOT / "workflow")])}
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)

    run.folder = project / "gpu"
    return run


def test_calls_go_on_until_all_is_done_and_packed(call):
    options = ["--experiment", "tried", "--sizes", "nano", "--seed", "1", "--steps", "2"]
    assert call("prepare", "gpu", *options).returncode == 0
    # As if there were no time left: nothing is begun, and it says what.
    early = call("go", "gpu", "--minutes", "0.5")
    assert early.returncode == TRY_AGAIN
    assert "not begun or not ended: " in early.stdout and "train stacked bf16 nano" in early.stdout
    (call.folder / "tested").touch()  # which takes a GPU
    # What was done before is not done again.
    before = [f"benchmark/nano-{stack}.json" for stack in (8, 32)]
    before += [f"sequential/bf16/nano/{name}" for name in ("trajectory.parquet", "sample_quality.csv")]
    for path in (call.folder / name for name in before):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    done = call("go", "gpu", "--minutes", "30")
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(call.folder / "results.tar.gz") as packed:
        names = set(packed.getnames())
    trained = [f"{engine}/nano" for engine in ("sequential/tf32", "stacked/bf16")]
    for job in trained:
        assert {
            f"{job}/{name}" for name in ("metrics.csv", "environment.json", "sample_quality.csv")
        } <= names
    assert "benchmark/nano-1.csv" in names
    assert not [name for name in names if "checkpoints" in name or "corpus" in name]
    metrics = pd.read_csv(call.folder / "stacked/bf16/nano/metrics.csv")
    assert metrics.groupby("seed")["step"].max().to_dict() == {1: 2, 2: 2}
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["to add"] == ["gpu/sequential/tf32/nano", "gpu/stacked/bf16/nano"]
    # Done is done.
    assert "train" not in call("go", "gpu").stdout
