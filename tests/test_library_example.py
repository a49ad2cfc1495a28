"""The example in docs/library.py, as its reader runs it."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
from project_copy import PROJECT, environment, texts_of

from orderparam.tables import read_table


def test_the_example_trains_measures_and_plots(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat and the rat sat on the cat; " * 400, "utf-8")
    command = [sys.executable, str(PROJECT / "docs/library.py"), str(text), "out"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(PROJECT), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    metrics: pd.DataFrame = read_table(tmp_path / "out/trajectory.parquet")
    assert metrics["step"].iloc[-1] == 400
    # A text of one sentence is soon known by heart.
    assert metrics["train_loss"].iloc[-1] < 1 < metrics["train_loss"].iloc[0]
    assert "measured here" in texts_of((tmp_path / "out/figure.svg").read_text("utf-8"))
    assert (tmp_path / "out/figure.png").stat().st_size > 10_000
    assert len(Path(PROJECT / "docs/library.py").read_text("utf-8").splitlines()) <= 32
