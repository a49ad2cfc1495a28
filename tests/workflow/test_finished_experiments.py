"""The analysis of an experiment, from its checkpoints and tables, without training again."""

from __future__ import annotations

import math

FIGURES = ("loss_and_floors", "attention_and_ngrams", "transition_loss_slope")


def test_probes_and_transitions_of_a_finished_experiment(smoke_clone):
    targets = [f"results/smoke/figures/{figure}.svg" for figure in FIGURES]
    done = smoke_clone.build("--cores", "2", *targets, "results/smoke/runs.csv")
    assert done.jobs() == {
        "probe_checkpoints": 4,
        "collect_probes": 1,
        "analyse_transition": 1,
        "describe_runs": 1,
        **{f"draw_{figure}": 1 for figure in FIGURES},
    }
    probes = smoke_clone.rows("results/smoke/probes.csv")
    nano = [row for row in probes if (row["size"], row["seed"], row["step"]) == ("nano", "1", "20")]
    masses = [float(row["value"]) for row in nano if row["quantity"] == "attention_mass"]
    assert len(masses) == 8
    assert all(0 < mass < 1 for mass in masses)
    rank = next(float(row["value"]) for row in nano if row["quantity"] == "head_stable_rank")
    norm = next(float(row["value"]) for row in nano if row["quantity"] == "head_spectral_norm")
    # By definition b = norm * sqrt(rank) / d_model.
    b = next(
        float(row["order_parameter"])
        for row in smoke_clone.rows("results/smoke/metrics.csv")
        if (row["size"], row["seed"], row["step"]) == ("nano", "1", "20")
    )
    assert math.isclose(norm * math.sqrt(rank) / 16, b, rel_tol=1e-6)
    runs = smoke_clone.rows("results/smoke/runs.csv")
    assert [(row["size"], row["d_model"], row["steps"]) for row in runs] == [
        ("nano", "16", "60"),
        ("micro", "32", "40"),
    ]
    quantities = smoke_clone.rows("results/smoke/transition.csv")
    # `all` stands for what is said of the sizes together.
    assert {row["size"] for row in quantities} == {"nano", "micro", "all"}
