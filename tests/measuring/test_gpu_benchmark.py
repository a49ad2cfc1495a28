import json
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch

from orderparam.measuring import gpu_benchmark, timing
from orderparam.measuring.gpu_benchmark import Bench, measure_case, run_benchmark
from orderparam.settings.experiment import Seeds
from orderparam.tables import GPU_THROUGHPUT


@pytest.fixture
def bench(tokens):
    return Bench(11, tokens[:1800], tokens[1800:], torch.device("cpu"))


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    monkeypatch.setattr(gpu_benchmark, "BLOCK_SECONDS", 0.01)
    monkeypatch.setattr(timing, "MAX_REPEATS", 4)


def test_each_size_and_stack_has_its_time(make_run, bench, tmp_path):
    runs = [make_run(size="deep", n_layer=2), make_run(size="flat")]
    table = run_benchmark(bench, runs, [1, 2], 100.0, tmp_path / "table.csv")
    assert list(table.columns) == list(GPU_THROUGHPUT.columns)
    assert table.groupby("size")["seeds"].apply(set).to_dict() == {"deep": {1, 2}, "flat": {1, 2}}
    assert (table["repeats"] >= 3).all() and table["interleaved"].all()
    quartiles = table[["lower_quartile_seconds", "median_seconds", "upper_quartile_seconds"]]
    assert (np.diff(quartiles) >= 0).all()
    assert table["evaluation_seconds"].gt(0).all()
    rate = table["seeds"] * 4 * 8 / table["median_seconds"]
    np.testing.assert_allclose(table["tokens_per_second"], rate)
    written = pd.read_csv(tmp_path / "table.csv", dtype={"size": str})
    np.testing.assert_allclose(written["median_seconds"], table["median_seconds"])


def test_variants_that_do_not_fit_together_are_timed_apart(make_run, bench, monkeypatch):
    names = ("first", "second", "third")
    monkeypatch.setattr(Bench, "variants", lambda self: [(name, False, False) for name in names])
    build, alive = Bench.build, []

    def build_in_little_memory(self, run, stack, variant):
        alive.append(variant[0])
        if alive[-2:] == ["first", "second"] or variant[0] == "third":
            raise torch.OutOfMemoryError("there is no more")
        return build(self, run, stack, ("float32", False, False))

    monkeypatch.setattr(Bench, "build", build_in_little_memory)
    monkeypatch.setattr(gpu_benchmark, "_free", alive.clear)
    # Together the first two are too much; apart the third still is.
    table = GPU_THROUGHPUT.frame(measure_case(bench, make_run(), 1, 0.2))
    assert not table["interleaved"].any()
    assert table["precision"].tolist() == list(names)
    assert table["note"].tolist() == ["", "", "out of memory"]
    assert np.isfinite(table["median_seconds"]).tolist() == [True, True, False]
    assert np.isfinite(table["evaluation_seconds"]).tolist() == [True, True, False]


def test_cases_beyond_the_time_are_marked(make_run, bench, tmp_path):
    table = run_benchmark(bench, [make_run()], [1, 2], -1.0, tmp_path / "table.csv")
    assert table["note"].tolist() == ["the time was up"] * 2
    assert table["median_seconds"].isna().all()


def test_command_line_writes_table_and_environment(make_run, corpus, tmp_path):
    (tmp_path / "run.json").write_text(
        json.dumps({"run": make_run().to_dict(), "seeds": [asdict(Seeds(1, 1, 1, 1))]})
    )
    command = [sys.executable, "-m", "orderparam", "benchmark", "run.json", "--corpus", "."]
    command += ["--out", "table.csv", "--seconds", "100", "--stacks", "1", "2"]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "table.csv")["seeds"].tolist() == [1, 2]
    described = json.loads((tmp_path / "table.json").read_text())
    assert described["torch"] and "--stacks 1 2" in described["command"]
