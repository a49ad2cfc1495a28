"""What a change makes Snakemake run again, and what it leaves in peace."""

from __future__ import annotations

import os

import pytest
import yaml
from project_copy import CORPUS, SMOKE, ProjectCopy

MODEL = "workflow/orderparam/model/gpt.py"
AFTER_TRAINING = {"verify_checkpoints", "sample_text", "collect_metrics", "compute_derivative", "write_up"}


def build_packed(smoke: ProjectCopy, folder) -> None:
    """Beside smoke, an experiment with its nano size, both seeds in one training job."""
    project = smoke.clone(folder / "clone")
    document = yaml.safe_load(project.read("config/experiments/smoke.yaml"))
    document |= {"seeds_per_job": 2, "sizes": {"nano": document["sizes"]["nano"]}}
    project.write("config/experiments/packed.yaml", yaml.safe_dump(document))
    done = project.build("--cores", "2", "results/packed/metrics.csv")
    assert done.jobs() == {"train_model": 1, "verify_checkpoints": 1, "collect_metrics": 1}


@pytest.fixture(scope="session")
def packed(smoke, make_once) -> ProjectCopy:
    return ProjectCopy(make_once("packed", lambda folder: build_packed(smoke, folder)) / "clone" / "project")


@pytest.fixture
def clone(packed, tmp_path) -> ProjectCopy:
    return packed.clone(tmp_path / "clone")


def planned(project: ProjectCopy, *arguments: str) -> dict[str, int]:
    return dict(project.build("-n", *arguments).planned())


def test_seeds_in_one_job_give_the_rows_of_one_seed_a_job(packed):
    rows = packed.read("results/packed/metrics.csv").splitlines()
    apart = packed.read("results/smoke/metrics.csv").splitlines()
    assert rows == [apart[0], *(row for row in apart if row.startswith("nano,"))]
    assert packed.files("results/packed/runs") >= {
        f"nano/seeds-1-2/checkpoints/seed-{seed}/step-000060.safetensors" for seed in (1, 2)
    }


def test_comments_docstrings_and_times_rerun_nothing(clone):
    text = clone.read(MODEL)
    start = text.index('"""') + 3
    changed = f"{text[:start]}Reworded. {text[start:]}\n# A remark.\n"
    compile(changed, MODEL, "exec")
    clone.write(MODEL, changed)
    for name in ("corpus.txt", "tokens.npy"):
        os.utime(clone.results / "corpora" / CORPUS / name)
    os.utime(clone.root / "config/config.yaml")
    os.utime(clone.root / "config/experiments/smoke.yaml")
    assert planned(clone, *SMOKE) == {}
    assert planned(clone, "results/packed/metrics.csv") == {}


def test_a_line_of_code_in_the_model_trains_again_but_leaves_the_corpus(clone):
    clone.write(MODEL, f"{clone.read(MODEL)}\n\nREMARK = 1\n")
    rules = planned(clone, *SMOKE)
    assert rules["train_model"] == 4
    assert rules.keys() >= AFTER_TRAINING
    assert rules.keys().isdisjoint({"get_corpus", "tokenize_corpus", "count_ngrams"})


def test_a_line_of_code_in_one_figure_draws_that_figure_alone(clone):
    module = "workflow/orderparam/figures/fig3_loss_vs_steps.py"
    clone.write(module, f"{clone.read(module)}\n\nREMARK = 1\n")
    assert planned(clone, *SMOKE) == {"draw_fig3_loss_vs_steps": 1, "write_up": 1, "all": 1}


def test_a_sizes_steps_train_that_size_again_and_a_learning_rate_all_of_the_experiment(clone):
    clone.replace("config/experiments/smoke.yaml", "n_layer: 2, steps: 40", "n_layer: 2, steps: 60")
    rules = planned(clone, *SMOKE)
    assert (rules["train_model"], rules["verify_checkpoints"]) == (2, 2)
    clone.replace("config/experiments/smoke.yaml", "learning_rate: 1e-2", "learning_rate: 2e-2")
    rules = planned(clone, *SMOKE)
    assert rules["train_model"] == 4
    assert rules.keys().isdisjoint({"get_corpus", "tokenize_corpus", "count_ngrams", "draw_fig1_hmmt"})
    assert planned(clone, "results/packed/metrics.csv") == {}
