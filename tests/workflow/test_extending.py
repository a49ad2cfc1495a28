"""The changes of docs/extending.md: each applies and touches few files; all of them together run."""

from __future__ import annotations

import re
import subprocess

import pytest
from project_copy import PROJECT, ProjectCopy, environment

from orderparam.tables import METRICS

# The section, and how many files its change may touch.
LIMITS = {
    "An experiment": 1,
    "A figure": 3,
    "A quantity": 2,
    "An optimizer": 2,
    "A switch of the model": 4,
    "A claim": 2,
}
TEXT = (PROJECT / "docs/extending.md").read_text(encoding="utf-8")
CHANGES = dict(re.findall(r"^## (.+?)\n.*?^```diff\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))
# Two runs of smoke: one as before, one with the new optimizer and the new switch.
SIZES = "micro: {d_model: 32, n_head: 2, n_layer: 2, steps: 40"
EXTENDED = f"{SIZES}, optimizer: nesterov, scaled_by: head_size"
MEASURED = "results/smoke/metrics.csv"


def apply(project: ProjectCopy, change: str) -> None:
    subprocess.run(["git", "apply", "-C1", "-"], cwd=project.root, input=change, text=True, check=True)


@pytest.fixture
def copy(tmp_path) -> ProjectCopy:
    return ProjectCopy.make(tmp_path / "project")


def test_every_section_has_a_change() -> None:
    assert set(CHANGES) == set(LIMITS)


@pytest.mark.parametrize("section", LIMITS)
def test_a_change_applies_by_itself_and_touches_few_files(section, copy) -> None:
    apply(copy, CHANGES[section])
    assert CHANGES[section].count("diff --git") <= LIMITS[section]


def test_all_changes_together_run(copy) -> None:
    for change in CHANGES.values():
        apply(copy, change)
    copy.replace("config/experiments/smoke.yaml", SIZES, EXTENDED)
    assert copy.shell("orderparam config document").status == 0
    assert "nesterov" in copy.read("config/README.md")
    targets = (MEASURED, "results/smoke/figures/magnetization.svg", "results/smoke/claims.csv")
    no_decay = "results/no_decay/figures/fig4_loss_vs_order_parameter.svg"
    copy.build("--cores", "2", *targets, no_decay, timeout=300)
    rows = copy.rows(MEASURED)
    assert list(rows[0]) == [*METRICS.columns, "embedding_norm"]
    assert all(float(row["embedding_norm"]) > 0 for row in rows)
    verdicts = {row["id"]: row["verdict"] for row in copy.rows("results/smoke/claims.csv")}
    assert verdicts["magnetization-stays-below"] == "supported"


def test_runs_recorded_before_a_quantity_read_as_nan(copy) -> None:
    apply(copy, CHANGES["A quantity"])
    path = next((PROJECT / "results/recorded/dense_10m").rglob("metrics.csv"))
    code = f"from orderparam.tables import read_table; table = read_table({str(path)!r}); "
    code += "assert table['embedding_norm'].isna().all() and table['val_loss'].notna().all()"
    subprocess.run(["python", "-c", code], env=environment(copy.root), check=True, cwd=copy.root)
