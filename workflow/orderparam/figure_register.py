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

NGRAM_ENTROPIES = "{corpus}/ngram_entropies.csv"
PUBLISHED_METRICS = "results/published/metrics.csv"
# The protocol of the article's pushed code, from recorded runs: what other protocols are shown beside.
PUSHED_CODE = "results/paper_as_coded_recorded/comparison.csv"
OBSERVABLES = "{results}/observables/{system}.csv"


def takes(*names: str, **paths: str) -> dict[str, str]:
    """The tables of a figure by argument: of each name {results}/<name>.csv, and those at other paths."""
    return {**{name: f"{{results}}/{name}.csv" for name in names}, **paths}


# By folder of results/; that of an experiment has the experiment's name.
FIGURES: dict[str, dict[str, dict[str, str]]] = {
    EXPERIMENT: {
        "fig1_hmmt": takes(scores="{published}/hmmt.csv"),
        "fig2_architecture": takes(architecture="{results}/architecture.json"),
        "fig3_loss_vs_steps": takes("metrics", ngram_entropies=NGRAM_ENTROPIES, published=PUBLISHED_METRICS),
        "fig4_loss_vs_order_parameter": takes(
            "metrics", ngram_entropies=NGRAM_ENTROPIES, published=PUBLISHED_METRICS
        ),
        "fig5_loss_derivative_vs_order_parameter": takes(
            "metrics",
            "derivative",
            ngram_entropies=NGRAM_ENTROPIES,
            published="results/published/derivative.csv",
        ),
        "loss_and_floors": takes("metrics", "entropies"),
        "transition_loss_slope": takes("loss_slope", "transition"),
        "decay_sweep": takes("metrics", "runs", "entropies", "probes"),
        "sharpening_with_width": takes("metrics", "runs", "entropies", "loss_slope"),
        "equilibrium": takes("metrics", "probes", "entropies"),
        "loop_width": takes("metrics"),
        "attention_and_ngrams": takes("probes", "metrics", "entropies"),
        "scaling": takes("scaling", points="{results}/scaling_points.csv"),
        "published_and_measured": takes("comparison", pushed=PUSHED_CODE),
    },
    "ising": {
        "ising_magnetization": takes("exact", observables=OBSERVABLES),
        "ising_specific_heat": takes("exact", observables=OBSERVABLES),
        "ising_binder": takes("critical", observables=OBSERVABLES),
        "ising_validation": takes("validation", summary="{results}/validation_summary.csv"),
        "ising_snapshots": takes(snapshots="{results}/snapshots.parquet"),
        "ising_potts": takes(histogram="{results}/potts_histogram.csv"),
    },
    "deep_linear": {"deep_linear": takes("sweep")},
    "calibration": {
        "transition_calibration": takes("false_positives", "power"),
        "finite_size": takes("finite_size"),
    },
    "hopfield": {"hopfield": takes("retrieval", "capacity")},
    "benchmark": {"throughput": takes("throughput", machine="{results}/machine.json")},
}


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
