include: "ising.smk"
include: "ising_figures.smk"
include: "deep_linear.smk"
include: "hopfield.smk"
include: "calibration.smk"


KNOWN_SYSTEM_FIGURES = [
    *(f"{ISING}/figures/{figure}" for figure in ISING_FIGURES),
    "results/deep_linear/figures/deep_linear",
    "results/calibration/figures/transition_calibration",
    "results/hopfield/figures/hopfield",
]


# Systems whose answers are known, and the errors of the analysis: snakemake --cores 2 known_systems
rule known_systems:
    input:
        rules.ising.input,
        expand("{figure}.{suffix}", figure=KNOWN_SYSTEM_FIGURES, suffix=("svg", "png")),
        "results/deep_linear/summary.csv",
