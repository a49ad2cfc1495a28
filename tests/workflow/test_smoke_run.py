"""The whole workflow, run on the smoke experiment: what it leaves, and the commands that only look."""

from __future__ import annotations

import importlib.metadata
import json
import math
import re

import pandas as pd
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from project_copy import FIGURES, SMOKE
from test_envs import locked_lines

from orderparam.analysis.derivative import compute_derivative
from orderparam.tables import METRICS, read_table

RUNS = [("nano", 1), ("nano", 2), ("micro", 1), ("micro", 2)]
# Every 10th step, 10^(i / 4) rounded, and the last; 60 steps for nano and 40 for micro.
MEASURED = {
    "nano": [0, 1, 2, 3, 6, 10, 18, 20, 30, 32, 40, 50, 56, 60],
    "micro": [0, 1, 2, 3, 6, 10, 18, 20, 30, 32, 40],
}
CHECKPOINTS = {"nano": [0, 20, 40, 60], "micro": [0, 20, 40]}


def test_every_rule_ran_and_the_last_line_is_the_way_to_the_store(smoke_output):
    assert smoke_output.jobs() == smoke_output.planned()
    assert smoke_output.jobs() == {
        "get_corpus": 1,
        "tokenize_corpus": 1,
        "count_ngrams": 1,
        "train_model": 4,
        "verify_checkpoints": 4,
        "sample_text": 4,
        "collect_metrics": 1,
        "collect_verification": 1,
        "compute_derivative": 1,
        "describe_architecture": 1,
        **{f"draw_{figure}": 1 for figure in FIGURES},
        "write_up": 1,
        "all": 1,
    }
    assert smoke_output.last_line.startswith("Browse the tracked runs: make ui")
    assert "\nOpen results/smoke/write_up.html\n" in smoke_output.output
    assert "\r" not in smoke_output.output
    assert [line for line in smoke_output.output.splitlines() if len(line) > 200] == []


def test_metrics_have_a_row_per_measured_step_in_the_order_of_the_experiment(smoke):
    lines = smoke.read("results/smoke/metrics.csv").splitlines()
    assert lines[0] == ",".join(METRICS.columns)
    rows = smoke.rows("results/smoke/metrics.csv")
    assert [(row["size"], int(row["seed"]), int(row["step"])) for row in rows] == [
        (size, seed, step) for size, seed in RUNS for step in MEASURED[size]
    ]
    assert all(math.isfinite(float(row[name])) for row in rows for name in lines[0].split(",")[3:])
    # Both seeds of a size have the weights of seed 1, but batches and dropout of their own.
    for size in MEASURED:
        first, second = ([r for r in rows if (r["size"], r["seed"]) == (size, seed)] for seed in "12")
        assert {**first[0], "seed": ""} == {**second[0], "seed": ""}
        assert first[1]["order_parameter"] != second[1]["order_parameter"]
    assert min(float(row["train_loss"]) for row in rows) < 3.4 < max(float(r["train_loss"]) for r in rows)


def test_derivative_is_that_of_the_metrics_on_the_checkpoints(smoke):
    made = read_table(smoke.results / "smoke/derivative.csv")
    expected = compute_derivative(
        read_table(smoke.results / "smoke/metrics.csv"), dict.fromkeys(MEASURED, 20)
    )
    pd.testing.assert_frame_equal(made, expected)
    steps = [step for size, _ in RUNS for step in CHECKPOINTS[size][1:]]
    assert made["step"].tolist() == steps


def test_weights_are_safetensors_with_json_and_nothing_is_a_pickle(smoke):
    expected = {
        f"{size}/seeds-{seed}-{seed}/checkpoints/seed-{seed}/step-{step:06d}{suffix}"
        for size, seed in RUNS
        for step in CHECKPOINTS[size]
        for suffix in (".safetensors", ".json")
    }
    found = smoke.files("results/smoke/runs")
    assert {name for name in found if "/checkpoints/seed-" in name} == expected
    record = json.loads(smoke.read("results/smoke/runs/nano/seeds-2-2/checkpoints/seed-2/step-000060.json"))
    assert record["seeds"] == {"seed": 2, "weights": 1, "batches": 2, "dropout": 2}
    assert record["measured"]["step"] == 60
    every = [path for path in smoke.results.rglob("*") if path.is_file()]
    assert not [path for path in every if path.suffix in (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")]
    # A pickle begins with 0x80 and its protocol, PyTorch's own format is a zip file.
    heads = {path: path.read_bytes()[:2] for path in every if path.suffix != ".png"}
    assert not [path for path, head in heads.items() if head == b"PK" or head in (b"\x80\x02", b"\x80\x04")]


def test_figures_samples_and_page_are_there(smoke):
    figures = {f"{figure}.{suffix}" for figure in FIGURES for suffix in ("svg", "png")}
    assert smoke.files("results/smoke/figures") == {*figures, "fig2_architecture.mmd"}
    for figure in FIGURES:
        assert smoke.read(f"results/smoke/figures/{figure}.svg").startswith("<?xml")
        png = (smoke.results / f"smoke/figures/{figure}.png").read_bytes()
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert smoke.read("results/smoke/figures/fig2_architecture.mmd").count("-->") > 5
    samples = {f"{size}/seed-1-{mode}.txt" for size in MEASURED for mode in ("evaluation", "dropout")}
    assert smoke.files("results/smoke/samples") == samples
    assert {len(smoke.read(f"results/smoke/samples/{name}")) for name in samples} == {200}
    page = smoke.read("results/smoke/write_up.html")
    assert page.count("<figure") == len(FIGURES) <= page.count("<svg")
    assert 'src="http' not in page
    assert page.count('href="http') == page.count('<a href="https://github.com/') == 1


def test_no_temporary_file_is_left(smoke):
    assert not [name for name in smoke.files("results") if name.endswith(".partial") or ".tmp" in name]
    hidden = {name for name in smoke.files("results") if name.rpartition("/")[2].startswith(".")}
    assert {name.rpartition("/")[2] for name in hidden} <= {".snakemake_timestamp", ".mlflow.db.lock"}


def test_a_second_run_has_nothing_to_do(smoke_clone):
    def times():
        # The store may still be told of the run before.
        names = [
            name for name in smoke_clone.files("results") if not name.startswith((".tracking", "mlflow"))
        ]
        return {name: (smoke_clone.results / name).stat().st_mtime_ns for name in names}

    before = times()
    done = smoke_clone.build("--cores", "2", *SMOKE)
    assert "Nothing to be done" in done.output
    assert done.planned() == {}
    assert times() == before


def test_a_dry_run_plans_everything_and_makes_nothing(project):
    done = project.build("-n", *SMOKE)
    assert done.planned()["train_model"] == 4
    assert "make ui" not in done.output
    assert not project.results.exists()


def test_the_graph_names_every_rule(smoke):
    done = smoke.build("--rulegraph", *SMOKE)
    assert "digraph snakemake_dag {" in done.output
    rules = ["get_corpus", "count_ngrams", "train_model", "write_up", *(f"draw_{name}" for name in FIGURES)]
    assert [rule for rule in rules if rule not in done.output] == []


def test_each_target_is_described(project):
    listed = project.build("--list").output.splitlines()
    listed = listed[listed.index(next(line for line in listed if line.startswith("all "))) :]
    assert len(listed) > 40
    assert [line for line in listed if not re.fullmatch(r"\w+ \(.+\.?\)", line)] == []


WITHOUT_TOOLS = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"{{name}} is among the development tools", name=name)
sys.meta_path.insert(0, Absent())
"""


def test_the_report_holds_every_figure_in_the_environment_that_make_builds(smoke, tmp_path):
    everything, kept = (
        {canonicalize_name(Requirement(line).name) for line in locked_lines(name)}
        for name in ("requirements-dev.txt", "requirements.txt")
    )
    modules = importlib.metadata.packages_distributions().items()
    tools = {
        module
        for module, distributions in modules
        if {canonicalize_name(each) for each in distributions} <= everything - kept - {"torch"}
    }
    assert {"pytest", "playwright"} <= tools
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TOOLS.format(names=tools))
    made = tmp_path / "report.html"
    done = smoke.shell(f"PYTHONPATH={tmp_path}:$PYTHONPATH snakemake --report {made} {' '.join(SMOKE)}")
    assert done.status == 0, done.output
    html = made.read_text("utf-8")
    assert [figure for figure in FIGURES if f"{figure}.svg" not in html] == []
