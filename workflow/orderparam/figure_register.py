"""Every figure, in one table: what it is drawn for, and the tables that its `draw` takes, by argument.

A figure is a module of figures/, a caption in workflow/report/, and a line here. In a path, {results} is the
folder of the experiment or known system, {corpus} that of the experiment's text, {published} is
config/published, and {system} is each lattice that is sampled. An argument `published` is left out where the
experiment is not compared with published values, and `metrics` and `derivative` where the author ran it.
"""

from __future__ import annotations

from collections.abc import Iterable

Sources = dict[str, str | list[str]]

EXPERIMENT = "{experiment}"
KNOWN_SYSTEMS = ("ising", "deep_linear", "calibration", "hopfield")

METRICS = "{results}/metrics.csv"
ENTROPIES = "{results}/entropies.csv"
NGRAM_ENTROPIES = "{corpus}/ngram_entropies.csv"
PUBLISHED_METRICS = "results/published/metrics.csv"
OBSERVABLES = "{results}/observables/{system}.csv"

# By folder of results/; that of an experiment has the experiment's name.
FIGURES: dict[str, dict[str, dict[str, str]]] = {
    EXPERIMENT: {
        "fig1_hmmt": {"scores": "{published}/hmmt.csv"},
        "fig2_architecture": {"architecture": "{results}/architecture.json"},
        "fig3_loss_vs_steps": {
            "metrics": METRICS,
            "ngram_entropies": NGRAM_ENTROPIES,
            "published": PUBLISHED_METRICS,
        },
        "fig4_loss_vs_order_parameter": {
            "metrics": METRICS,
            "ngram_entropies": NGRAM_ENTROPIES,
            "published": PUBLISHED_METRICS,
        },
        "fig5_loss_derivative_vs_order_parameter": {
            "metrics": METRICS,
            "derivative": "{results}/derivative.csv",
            "ngram_entropies": NGRAM_ENTROPIES,
            "published": "results/published/derivative.csv",
        },
        "loss_and_floors": {"metrics": METRICS, "entropies": ENTROPIES},
        "transition_loss_slope": {
            "loss_slope": "{results}/loss_slope.csv",
            "transition": "{results}/transition.csv",
        },
        "finding": {"loss_slope": "{results}/loss_slope.csv"},
        "decay_sweep": {
            "metrics": METRICS,
            "runs": "{results}/runs.csv",
            "entropies": ENTROPIES,
            "probes": "{results}/probes.csv",
        },
        "sharpening_with_width": {
            "metrics": METRICS,
            "runs": "{results}/runs.csv",
            "entropies": ENTROPIES,
            "loss_slope": "{results}/loss_slope.csv",
        },
        "equilibrium": {"metrics": METRICS, "probes": "{results}/probes.csv", "entropies": ENTROPIES},
        "attention_and_ngrams": {
            "probes": "{results}/probes.csv",
            "metrics": METRICS,
            "entropies": ENTROPIES,
        },
        "scaling": {"points": "{results}/scaling_points.csv", "scaling": "{results}/scaling.csv"},
    },
    "ising": {
        "ising_magnetization": {"observables": OBSERVABLES, "exact": "{results}/exact.csv"},
        "ising_specific_heat": {"observables": OBSERVABLES, "exact": "{results}/exact.csv"},
        "ising_binder": {"observables": OBSERVABLES, "critical": "{results}/critical.csv"},
        "ising_validation": {
            "validation": "{results}/validation.csv",
            "summary": "{results}/validation_summary.csv",
        },
        "ising_snapshots": {"snapshots": "{results}/snapshots.parquet"},
        "ising_potts": {"histogram": "{results}/potts_histogram.csv"},
    },
    "deep_linear": {"deep_linear": {"sweep": "{results}/sweep.csv"}},
    "calibration": {
        "transition_calibration": {
            "false_positives": "{results}/false_positives.csv",
            "power": "{results}/power.csv",
        },
        "finite_size": {"finite_size": "{results}/finite_size.csv"},
    },
    "hopfield": {
        "hopfield": {"retrieval": "{results}/retrieval.csv", "capacity": "{results}/capacity.csv"},
    },
    "benchmark": {
        "throughput": {"throughput": "{results}/throughput.csv", "machine": "{results}/machine.json"},
    },
}


def figure_names(scope: str = EXPERIMENT) -> list[str]:
    """The figures of what lies in one folder of results/; of an experiment, if none is named."""
    return list(FIGURES[scope])


def figure_files(scopes: Iterable[str], *suffixes: str) -> list[str]:
    """The files of all figures of some folders of results/, with each suffix (.svg, .png)."""
    names = [(scope, figure) for scope in scopes for figure in FIGURES[scope]]
    return [f"results/{scope}/figures/{figure}{suffix}" for scope, figure in names for suffix in suffixes]


def figure_tables(scope: str, figure: str, systems: Iterable[str] = (), **folders: str) -> Sources:
    """The paths of a figure's tables by argument; a list where there is one for each of `systems`."""
    tables: Sources = {}
    for argument, path in FIGURES[scope][figure].items():
        each = [path.format(system=system, **folders) for system in systems]
        tables[argument] = each if "{system}" in path else path.format(**folders)
    return tables


def category_of(scope: str) -> str:
    """Under which heading Snakemake's report shows the figures of a scope."""
    if scope == EXPERIMENT:
        return "Figures"
    return "Systems with a known answer" if scope in KNOWN_SYSTEMS else "Benchmark"
